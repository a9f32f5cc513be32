package diag

import (
	"maps"
	"slices"
)

// Codes of files and syntax.
const (
	FileUnreadable Code = "PB2001"
	FileTooLarge   Code = "PB2002"
	TooDeep        Code = "PB2003"
	BadEncoding    Code = "PB2004"
	Syntax         Code = "PB2005"
	Empty          Code = "PB2006"
)

// Codes of blocks, arguments and references.
const (
	UnknownBlock     Code = "PB2101"
	UnknownArgument  Code = "PB2102"
	MissingArgument  Code = "PB2103"
	UnknownField     Code = "PB2104"
	UnknownReference Code = "PB2105"
	UnknownType      Code = "PB2106"
	UnknownWord      Code = "PB2107"
	WrongType        Code = "PB2108"
	InvalidValue     Code = "PB2109"
	DuplicateName    Code = "PB2110"
	DuplicatePath    Code = "PB2111"
	WrongLabels      Code = "PB2112"
	MissingValue     Code = "PB2113"
	OutOfRange       Code = "PB2114"
	Deprecated       Code = "PB2115"
	Unused           Code = "PB2116"
	ProbableTypo     Code = "PB2117"
	NotAssignable    Code = "PB2118"
	MissingFile      Code = "PB2119"
	WindowTooShort   Code = "PB2120"
	WrongVersion     Code = "PB2121"
	Cycle            Code = "PB2131"
	WrongForEach     Code = "PB2132"
	BadModule        Code = "PB2133"
	InvalidVariable  Code = "PB2134"
)

// Codes of personal data and of what is asked outside.
const (
	NotRedactable Code = "PB2151"
	Unencrypted   Code = "PB2153"
)

// Codes of expressions.
const (
	UnknownFunction    Code = "PB2201"
	WrongArguments     Code = "PB2202"
	UnsupportedSyntax  Code = "PB2203"
	InvalidPattern     Code = "PB2204"
	AlwaysFalse        Code = "PB2205"
	ExpressionTooLarge Code = "PB2206"
	InvalidExpression  Code = "PB2207"
	TooMuch            Code = "PB2211"
)

// Codes of secrets and plugins.
const (
	MissingSecret  Code = "PB2301"
	ClearSecret    Code = "PB2302"
	SecretMisused  Code = "PB2303"
	ExposedSecret  Code = "PB2304"
	BadCertificate Code = "PB2305"
	CertificateEnd Code = "PB2306"
	PluginRejected Code = "PB2401"
)

// Codes of tests.
const (
	NoAssertion     Code = "PB2601"
	LookupNeedsRows Code = "PB2602"
)

// Codes of what a valid configuration doesn't guarantee.
const (
	NoDedup           Code = "PB2501"
	ReadBeforeSet     Code = "PB2502"
	NotByKey          Code = "PB2503"
	WeakDurability    Code = "PB2504"
	UnknownURL        Code = "PB2505"
	NoAuthentication  Code = "PB2506"
	OpenReceiver      Code = "PB2507"
	OpenAdmin         Code = "PB2508"
	RetainTooShort    Code = "PB2509"
	TwoWays           Code = "PB2510"
	UselessRoute      Code = "PB2511"
	NoNormalize       Code = "PB2512"
	TemporaryData     Code = "PB2513"
	PlainURL          Code = "PB2514"
	OpenQuarantine    Code = "PB2515"
	ConstantCondition Code = "PB2516"
	FilteredRoute     Code = "PB2517"
	AfterRedaction    Code = "PB2518"
	BadIgnore         Code = "PB2590"
	UnusedIgnore      Code = "PB2591"
)

// Codes of installed plugins and the lock file.
const (
	PluginMissing   Code = "PB2402"
	PluginVersion   Code = "PB2403"
	PluginBroken    Code = "PB2404"
	PluginSchema    Code = "PB2405"
	PluginAmbiguous Code = "PB2406"
	PluginProtocol  Code = "PB2407"
	PluginOverride  Code = "PB2408"
	PluginExposed   Code = "PB2409"
	LockInvalid     Code = "PB2411"
	LockMissing     Code = "PB2412"
	LockPlatform    Code = "PB2413"
	PluginTampered  Code = "PB2414"
)

// Explain returns the paragraph that says what a code means and how to mend it.
func Explain(code Code) (string, bool) {
	text, ok := explanations()[code]
	return text, ok
}

// Codes lists all codes in order.
func Codes() []Code { return slices.Sorted(maps.Keys(explanations())) }

// explanations is the table of all codes. It's a function because packages
// keep no state; nobody asks often enough to notice.
func explanations() map[Code]string {
	return map[Code]string{
		FileUnreadable: "A file or the directory of the configuration can't be read. Check that it exists, that it's a regular file, and that patchbay's user may read it.",
		FileTooLarge:   "A configuration file is limited to 4 MiB, a directory to 1000 files and all files together to 64 MiB, so that a file that was never meant as configuration can't exhaust memory. Split the file, or move tables into a lookup.",
		TooDeep:        "Brackets, blocks and operators may be nested 200 deep, with up to 2000 operators side by side. Files beyond that are generated or damaged. Use contains([...], x) instead of a long chain of ||.",
		BadEncoding:    "Configuration files are UTF-8 without a byte order mark. Save the file again as plain UTF-8; the position shows the first byte that isn't.",
		Syntax:         "The text isn't valid HCL, so the rest of that file could not be understood. Frequent causes: a block on one line with more than one argument (give each its own line), a missing quote or brace, and a list without commas.",
		Empty:          "The directory contains no configuration: no file whose name ends in .hcl, or no pipeline in any of them. Names that start with a dot and names ending in .test.hcl don't count.",

		UnknownBlock:     "There is no block of that name in this place. At the top level there are patchbay, variable, locals, receiver, admin, journal, source, sink, lookup, pipeline, module and test, and in a module output, but no settings of the whole; in a pipeline the stages dedup, normalize, enrich, filter and route; in a source or sink those that its plugin describes.",
		UnknownArgument:  "The block has no argument of that name, so it would have no effect. Correct the spelling or remove it.",
		MissingArgument:  "The block needs this argument or nested block; there is no default that would be right for everyone.",
		UnknownField:     "Events have a fixed set of fields: event_id, message_id, conversation_id, customer_id, campaign_id, account, channel, direction, event_type, event_timestamp, received_at, provider, source, delivery_status, provider_status, status_code, error_reason, recipient and sender. Everything else is under event.attributes or event.payload; columns of a lookup are under found.",
		UnknownReference: "The text refers to a block, a variable or a local that isn't there. References are written without quotes: source.TYPE.NAME, sink.TYPE.NAME, lookup.TYPE.NAME, pipeline.NAME, var.NAME, local.NAME, module.NAME.OUTPUT; an instance of for_each is source.TYPE.NAME.KEY, and each.key and each.value exist in its block alone. A module knows only its own blocks and what its variables bring.",
		UnknownType:      "No installed plugin serves this type of source or sink. The first label of the block names the type, the second is a name of your choice.",
		UnknownWord:      "The value has to be one of a fixed set of words. For event_type, delivery_status, channel and direction a word that no event can have would make a condition that never holds.",
		WrongType:        "The value is of another type than the place needs: a number where text is expected, a list instead of a single value, two sides of a comparison that can never be equal.",
		InvalidValue:     "The value has the right type but can't be understood. Durations are written \"90s\", \"15m\", \"168h\"; sizes \"512KiB\", \"1MiB\" or a number of bytes; addresses \"127.0.0.1:8080\"; public URLs start with https:// or http://.",
		DuplicateName:    "Two blocks have the same name, or an argument is set twice. A name must be unique because other blocks refer to it, and because an event's identity is derived from its source's name.",
		DuplicatePath:    "Two sources would receive on the same path, so requests could not be told apart. Leave path out to get /hooks/TYPE/NAME, or choose different ones.",
		WrongLabels:      "The block has the wrong number of labels, or a label isn't a usable name. Names start with a letter and contain letters, digits, underscores and hyphens; labels are quoted, for instance: source \"twilio\" \"support\".",
		MissingValue:     "A variable without a default has no value. Set it with -var, in a file of values, or in the environment as PATCHBAY_VAR_name; or give it a default.",
		OutOfRange:       "The value is smaller or larger than the place allows; the message says what is allowed.",
		Deprecated:       "The argument still works but will be removed; the message says what replaces it.",
		Unused:           "The block is configured but no pipeline uses it, or nothing refers to the variable or local. Requests to a source without a pipeline are stored and never processed; a sink or lookup without one does nothing.",
		ProbableTypo:     "The name is allowed, because enrichment may set attributes of any name, but it is one letter away from a canonical field. If the field was meant, correct the spelling.",
		NotAssignable:    "Enrichment can't change what an event is or where it came from: its identity, times, type, status, message and provider. It may set conversation_id, customer_id, campaign_id, account, error_reason, recipient, sender and any attribute.",
		MissingFile:      "A file that the configuration names isn't there, can't be read, isn't what it should be, or lies outside the configuration's directory. Paths are relative to the directory and may not leave it.",
		WindowTooShort:   "The provider repeats unacknowledged requests for longer than the dedup window remembers, so a late repetition would count as a new event. Make the window at least as long as the provider's retry horizon.",
		WrongVersion:     "The configuration says with required_version which versions of patchbay it was written for, and this one isn't among them. Install another version; or change the constraint, once you have checked that the configuration means the same here.",
		Cycle:            "To know the value one would have to know it already: locals that refer to each other in a circle, a module whose argument is its own output, a for_each over its own blocks. The message lists the names from the first to the first again; write one of them without the others.",
		WrongForEach:     "for_each makes a block for each element: it takes an object or a map, or a list or set of strings. Its keys become part of names, paths and metrics, so they are names themselves, known when the configuration is loaded, and no secrets. In all, for_each, dynamic and modules may make 1000 blocks.",
		BadModule:        "A module is a folder of blocks within the configuration's own folder, written out as source = \"./FOLDER\". It can't lie outside, not even through a link, and it can't contain itself.",
		InvalidVariable:  "The value of a variable doesn't meet the condition in its validation block. The text is the configuration's own; the message says where the value came from.",

		NotRedactable: "The stage redact takes personal data away: recipient, sender, customer_id, conversation_id, error_reason, any attribute (attributes.NAME), the source payload (only as a whole: drop) or a part of it (source_payload.PATH). The other fields say which event it is and what happened; without them nothing could be counted.",
		Unencrypted:   "A lookup sends a secret over http to another machine, where everybody on the way can read it. Write https.",

		UnknownFunction:    "There is no function of that name. In event expressions there are cidrmatch, coalesce, contains, endswith, has, length, lower, matches, now, replace, startswith, substr, tonumber, tostring, trim, try and upper and the timestamp functions timeadd, timestamp and unix; other arguments, which are evaluated once, have the functions that patchbay docs functions lists.",
		WrongArguments:     "The function takes another number of arguments, or arguments of other types. Some must be constants, because they are prepared when the configuration is loaded: a pattern, a network, a duration.",
		UnsupportedSyntax:  "This is valid HCL, but event expressions are compiled and know only fields, literals, operators, conditionals, templates and function calls. Loops belong outside of them: name what they make in a locals block. Outside, three for expressions may stand in each other.",
		InvalidPattern:     "A regular expression or a network can't be understood. Regular expressions have Go's RE2 syntax; backslashes are doubled inside quotes. Networks are written 10.0.0.0/8 or 2001:db8::/32.",
		AlwaysFalse:        "The comparison can never be true. An empty field is null, so compare with null to ask whether a field is missing; any other comparison with null is false.",
		ExpressionTooLarge: "The expression has more than 10000 parts or is nested more than 200 deep. Move sets of values into a lookup.",
		TooMuch:            "A value has more than 10000 elements or 4 MiB of text, or the expressions of the configuration look at so much data, so often, that loading it would take too long. Large tables belong in a lookup, which is not read when the configuration is loaded.",
		InvalidExpression:  "The expression could not be evaluated: a division by zero, an index that doesn't exist, a number that can't be represented.",

		MissingSecret:  "A secret isn't there: the environment variable isn't set or empty, the file can't be read, or the command failed. patchbay validate only warns, because the place where a configuration is checked need not know the secrets, and runs no commands; patchbay run refuses to start.",
		ClearSecret:    "The argument is a secret and stands in clear text in a file that is probably under version control. Write secret(\"env:NAME\") or secret(\"file:/run/secrets/name\") instead, and replace the secret at its provider.",
		SecretMisused:  "secret() takes one text that is no secret itself: \"env:NAME\", \"file:PATH\" or \"exec:COMMAND\". Its result may be used whole or inside a template, but not compared, measured or transformed, and only as a plugin's argument, as the key of redact, in dsn and headers of a lookup, or as a sensitive variable's default.",
		ExposedSecret:  "The file of a secret may be read by others on this machine. Restrict it to patchbay's user: chmod 600.",
		BadCertificate: "A file of receiver's tls block isn't there or can't be used: it should be PEM, the certificate followed by its intermediates in cert_file, its private key without a password in key_file, the authorities that sign clients' certificates in client_ca_file. patchbay validate only warns about a file that isn't there, because the place where a configuration is checked need not have it; patchbay run refuses to start.",
		CertificateEnd: "The receiver's certificate has expired, expires within 14 days or isn't valid yet, by this machine's clock. Providers refuse to send to it then. Renew it: patchbay reads the files again by itself.",
		PluginRejected: "The plugin looked at its arguments and found a problem; the text is the plugin's. Its documentation says more: patchbay docs TYPE.",

		NoDedup:           "Providers repeat requests that were not acknowledged in time. Without a dedup stage each repetition passes as a further event, and only sinks that write by key absorb it. Add dedup { window = \"168h\" } as the first stage.",
		ReadBeforeSet:     "A stage reads a field that a later stage sets, so it sees what the provider sent, or nothing. Stages run in the order written: put normalize, enrich and set before the stages that use what they set.",
		NotByKey:          "The sink doesn't write by key. When its answer to a write is lost, patchbay writes again, because losing an event is worse than having it twice. Readers of such a sink should count distinct event_id. This is a note: it is how that destination works, not a mistake.",
		WeakDurability:    "The sink is set up to confirm a write before it is safe from the loss of one machine or of power. patchbay believes what a sink confirms, so events could be lost after they were counted as delivered.",
		UnknownURL:        "The provider signs the URL that it called. Behind a proxy patchbay sees another URL, and takes nothing from the request's headers, which anybody can write. Set public_url to the URL that the provider was given, or genuine requests may be refused.",
		NoAuthentication:  "Requests to this source are accepted from anybody who knows its path, so events in the reports may be invented. Use the provider's signature or password if it offers one; otherwise name its networks with allow, or want a client certificate.",
		OpenReceiver:      "The receiver listens beyond this machine without TLS. What passes can be read on the way, credentials included, and whoever reaches the port can try. Listen on 127.0.0.1 behind a proxy that terminates TLS, or give the receiver a tls block with a certificate.",
		OpenAdmin:         "The admin listener shows metrics and answers the command line. It is protected by a token, but was not made to face a network. Listen on 127.0.0.1 and reach it through a tunnel or a proxy that authenticates.",
		RetainTooShort:    "What was received is removed from the journal before the dedup window, or the time for which the provider repeats requests, has passed. Nothing is counted twice by that, but explain can no longer show the request that a duplicate repeats. Make journal.retain at least as long.",
		TwoWays:           "Two pipelines carry the events of one source to the same sink. A sink that doesn't write by key gets each event twice; one that does keeps what came last, which may be either pipeline's version. Give each pipeline its own sink, or merge them.",
		UselessRoute:      "The route names a sink that the pipeline's own to names already. Every event goes there anyway, once, whether the condition holds or not. Remove it from one of the two.",
		NoNormalize:       "The provider's words become event types in the normalize stage. Without it events of this source stay unmapped, and reports that count deliveries see none. Add normalize {} after dedup.",
		TemporaryData:     "The data directory lies where the system removes files at a restart or after some time. The journal in it holds requests that providers were told are safe. Set data_dir to a directory on a lasting disk, for instance /var/lib/patchbay.",
		PlainURL:          "Providers would send over http, where everybody on the way can read messages and addresses, and the credentials of providers that don't sign. Get a certificate for the proxy in front of patchbay, and write https.",
		OpenQuarantine:    "With on_auth_failure = \"quarantine\" requests that fail authentication are kept, so strangers can fill the disk. Bound the journal with max_disk, or use quarantine only while a provider is being set up.",
		ConstantCondition: "The condition doesn't depend on the event. A filter whose condition is false ends every event; one whose condition is true does nothing; the same goes for routes. Static values such as variables count as constants.",
		FilteredRoute:     "A filter stands after a route. It ends events for every sink, those that the route had chosen included. If the route should see them, put a pipeline of its own beside this one; if not, put the filter before the route.",
		AfterRedaction:    "A stage after redact reads what is redacted by then, and would see nothing, a masked value or a token; or it sets such a field anew, with a value that reaches the sinks as it is. Stages run in the order written: put redact after the stages that need the original.",
		BadIgnore:         "A comment that silences a finding is written: # patchbay:ignore PB2501 reason. It names one code and gives a reason, which the next reader needs. Errors can't be silenced, nor warnings that depend on the machine where they are found.",
		UnusedIgnore:      "The comment silences a finding that isn't there, at the line after it or at its own. It may have been mended, or moved. Remove the comment, so that it can't hide a later one.",

		NoAssertion:     "A test that expects nothing can't fail, so it shows nothing. Write expect blocks, and in each of them what must come of the requests: sink, event, when or count, or one of filtered, duplicate, ignored, dead_letter and refused.",
		LookupNeedsRows: "A test asks nobody outside, neither a database nor a service, so that it has the same result everywhere. The pipeline's lookup needs rows for the test: lookup \"TYPE\" \"NAME\" { rows = { KEY = { COLUMN = \"value\" } } } inside the test.",

		PluginMissing:   "The configuration or its lock file asks for a plugin that isn't installed. Install it with patchbay plugin install, or name the folder it is in with -plugin-dir.",
		PluginVersion:   "The plugin that is installed, or that the lock file pins, has a version that patchbay { plugins { ... } } doesn't allow, or says it is another than its file name does. Install a version that fits, then run patchbay plugin lock.",
		PluginBroken:    "The plugin was started and asked what it serves, and gave no answer: it isn't a program for this machine, ended by itself, or took too long. What it wrote to standard error is in the message.",
		PluginSchema:    "The plugin describes a type in a way that can't be true, for instance two arguments of one name, a default of the wrong type, or blocks nested without end. That type isn't used; the plugin's others are. Its author has to mend it.",
		PluginAmbiguous: "Two installed plugins serve the type, and nothing says which is meant. Pin one with patchbay plugin lock in a folder where only it is installed, or remove the other.",
		PluginProtocol:  "Core and plugin speak no common version of the plugin protocol. Core speaks the last two versions: install a newer build of whichever is older.",
		PluginOverride:  "A plugin is replaced by a program named with -plugin or PATCHBAY_DEV_OVERRIDES. That's for development: the lock file isn't consulted for it and isn't changed.",
		PluginExposed:   "Anyone on this machine may change the plugin's program or replace it in its folder, and would thereby run as patchbay. Take the permission away: chmod o-w.",
		LockInvalid:     "The lock file .patchbay.lock.hcl can't be understood, so no plugin can be trusted by it. It is written by patchbay plugin lock and not meant to be edited; take it from version control, or remove it and lock again once you know that the installed plugins are the right ones.",
		LockMissing:     "There is a lock file and the plugin isn't in it, so it isn't started. Run patchbay plugin lock once you trust the plugin.",
		LockPlatform:    "The lock file has hashes of the plugin for other platforms and none for this one. Install the plugin's release here, which pins all its platforms, or run patchbay plugin lock on this one.",
		PluginTampered:  "The program isn't the one that the lock file pins: its SHA-256 differs. Nothing of it was run. If nobody replaced it on purpose, treat the machine as compromised. If somebody did, install the release again, or pin the new program with patchbay plugin lock -replace NAME.",
	}
}
