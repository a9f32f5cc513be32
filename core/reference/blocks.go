package reference

// Blocks are the blocks at the top level of a file.
func Blocks() []Block {
	return []Block{
		{Name: "patchbay", Header: "patchbay", Doc: "What concerns the whole configuration.", Args: []Argument{
			{Name: "required_version", Type: "string", Doc: `The versions of patchbay that the configuration was written for, for instance "~> 0.1".`},
			{Name: "data_dir", Type: "string", Default: `"data"`, Doc: "The directory of the journal. A relative path starts at the configuration's directory."},
		}, Blocks: []Block{{Name: "plugins", Header: "plugins", Free: true, Args: []Argument{}, Doc: "Which plugins the configuration needs: NAME = { source = \"HOST/NAMESPACE/NAME\", version = \"~> 1.0\" }. NAME is that of the program, patchbay-plugin-NAME."}}},
		{Name: "variable", Header: `variable "NAME"`, Doc: "A value that may be given from outside; expressions name it var.NAME.", Args: []Argument{
			{Name: "type", Type: "type", Doc: "What the value must be: string, number, bool, list(string), map(string) and the like. Without it any value will do."},
			{Name: "default", Type: "any", Doc: "The value if none is given. Without a default one must be."},
			{Name: "description", Type: "string", Doc: "What it is for."},
			{Name: "sensitive", Type: "bool", Default: "false", Doc: "Keeps the value out of everything that is shown."},
		}, Blocks: []Block{{Name: "validation", Header: "validation", Doc: "A condition that the value must meet; there may be several.", Args: []Argument{
			{Name: "condition", Type: "bool", Required: true, Doc: "What must hold, in terms of the variable."},
			{Name: "error_message", Type: "string", Required: true, Doc: "What to say if it does not."},
		}}}},
		{Name: "locals", Header: "locals", Doc: "Names for values; expressions write them local.NAME.", Args: []Argument{}, More: "Any arguments may stand in it: NAME = VALUE.", Free: true},
		{Name: "receiver", Header: "receiver", Doc: "The public listener that providers call.", Args: []Argument{
			{Name: "listen", Type: "address", Default: `"127.0.0.1:8080"`, Doc: "Host and port to listen on."},
			{Name: "public_url", Type: "URL", Doc: "The URL under which providers reach the receiver. Providers that sign the URL need it; it is never taken from a request's headers."},
			{Name: "max_body", Type: "size", Default: `"1MiB"`, Doc: "The largest body of a request."},
			{Name: "max_in_flight", Type: "size", Default: `"64MiB"`, Doc: "How many bytes of bodies are held at a time; beyond that requests are answered with 503 and come again."},
			{Name: "max_connections", Type: "number", Default: "10000", Doc: "How many connections may be open at a time."},
			{Name: "header_timeout", Type: "duration", Default: `"5s"`, Doc: "How long a request's header may take."},
			{Name: "body_timeout", Type: "duration", Default: `"15s"`, Doc: "How long a request's body may take."},
			{Name: "idle_timeout", Type: "duration", Default: `"60s"`, Doc: "How long a connection may wait for its next request."},
			{Name: "write_timeout", Type: "duration", Default: `"10s"`, Doc: "How long an answer may take to be sent."},
			{Name: "max_header_bytes", Type: "size", Default: `"32KiB"`, Doc: "The largest header of a request."},
			{Name: "allow", Type: "list(string)", Doc: "The networks and addresses from which requests are taken, where a source has no list of its own. Without it from anywhere."},
			{Name: "trusted_proxies", Type: "list(string)", Doc: "The networks of proxies that are believed about the client's address."},
			{Name: "forwarded_header", Type: "string", Default: `"X-Forwarded-For"`, Doc: "The header into which trusted proxies write it: X-Forwarded-For or Forwarded."},
		}, Blocks: []Block{{Name: "tls", Header: "tls", Doc: "The certificate of the listener. Its files are read again when they change.", Args: []Argument{
			{Name: "cert_file", Type: "string", Required: true, Doc: "PEM file of the certificate and its intermediates."},
			{Name: "key_file", Type: "string", Required: true, Doc: "PEM file of the certificate's key."},
			{Name: "client_ca_file", Type: "string", Doc: "PEM file of the authorities of clients' certificates. With it every source wants one, unless it says client_certificate = false."},
			{Name: "min_version", Type: "string", Default: `"1.2"`, Doc: "The oldest version of TLS that is spoken: 1.2 or 1.3."},
			{Name: "reload", Type: "duration", Default: `"1m"`, Doc: "How often to look whether the files have changed."},
		}}}},
		{Name: "admin", Header: "admin", Doc: "The listener for metrics, health and the command line.", Args: []Argument{
			{Name: "listen", Type: "address", Default: `"127.0.0.1:9090"`, Doc: "Host and port to listen on. It is not for the public."},
		}},
		{Name: "journal", Header: "journal", Doc: "How long what was received stays readable.", Args: []Argument{
			{Name: "retain", Type: "duration", Default: `"168h"`, Doc: "How long requests and events are kept after all sinks have them."},
			{Name: "max_disk", Type: "size", Doc: "The most that the journal may hold. Without it that is as much as the disk has."},
			{Name: "min_free", Type: "size", Default: `"256MiB"`, Doc: "The free disk space below which no request is accepted."},
		}},
		source(), sink(), lookup(), lookupSQL(), lookupHTTP(), pipeline(), module(), output(), test(),
	}
}

// forEach is the argument of blocks that may stand for several.
func forEach() Argument {
	return Argument{Name: "for_each", Type: "map or set", Doc: "Makes a block for each element, named by its key; each.key and each.value are known inside. Others name one as NAME.KEY, and all of them as NAME."}
}

func module() Block {
	return Block{
		Name: "module", Header: `module "NAME"`, Doc: "Another directory's variables, locals, sources, sinks, lookups, pipelines and outputs, under a name of their own.",
		Args: []Argument{
			{Name: "source", Type: "string", Required: true, Doc: `The directory, inside this one: "./NAME".`},
			forEach(),
		},
		More: "Its other arguments are values for the module's variables.", Free: true,
	}
}

func output() Block {
	return Block{
		Name: "output", Header: `output "NAME"`, Doc: "A value that a module hands out; others write it module.MODULE.NAME.",
		Args: []Argument{
			{Name: "value", Type: "any", Required: true, Doc: "The value; blocks may be handed out too."},
			{Name: "description", Type: "string", Doc: "What it is."},
			{Name: "sensitive", Type: "bool", Default: "false", Doc: "Keeps the value out of everything that is shown."},
		},
	}
}

func source() Block {
	return Block{
		Name: "source", Header: `source "TYPE" "NAME"`, Doc: "A provider's endpoint. TYPE is served by a plugin, NAME is yours; pipelines name it source.TYPE.NAME.",
		Args: []Argument{
			{Name: "path", Type: "string", Default: `"/hooks/TYPE/NAME"`, Doc: "The path on which it receives."},
			{Name: "public_url", Type: "URL", Doc: "The whole URL as the provider calls it, where it is not the receiver's with the path."},
			{Name: "on_auth_failure", Type: "string", Default: `"reject"`, Doc: "reject: requests that fail authentication are refused and counted. quarantine: they are also kept apart, for a person to look at."},
			{Name: "max_body", Type: "size", Doc: "The largest body of a request, instead of the plugin's or the receiver's."},
			{Name: "allow", Type: "list(string)", Doc: "The networks and addresses from which requests are taken, instead of the receiver's."},
			{Name: "client_certificate", Type: "bool", Default: "the receiver's", Doc: "Whether requests need a certificate that the receiver's client_ca_file vouches for."},
			{Name: "max_rate", Type: "number", Doc: "How many requests are stored a second; beyond that they are answered to come again. Without it as many as come."},
			forEach(),
		},
		More: "What else it takes is up to its type: patchbay docs TYPE.",
	}
}

func sink() Block {
	return Block{
		Name: "sink", Header: `sink "TYPE" "NAME"`, Doc: "A destination. TYPE is served by a plugin, NAME is yours; pipelines name it sink.TYPE.NAME.",
		Args: []Argument{forEach()},
		Blocks: []Block{{Name: "batch", Header: "batch", Doc: "How much is written at a time. What is left out is up to the sink.", Args: []Argument{
			{Name: "max_events", Type: "number", Doc: "The most events of a write, up to 10000."},
			{Name: "max_bytes", Type: "size", Doc: "The most bytes of a write, up to 16 MiB."},
			{Name: "max_wait", Type: "duration", Doc: "How long to wait for more events before a write."},
		}}},
		More: "What else it takes is up to its type: patchbay docs TYPE.",
	}
}

func lookup() Block {
	return Block{
		Name: "lookup", Header: `lookup "csv" "NAME"`, Doc: "A table that enrich reads, from a CSV file with a header line.",
		Args: []Argument{
			{Name: "file", Type: "string", Required: true, Doc: "The file, inside the configuration's directory."},
			{Name: "key", Type: "string", Default: "the first column", Doc: "The column by which rows are found."},
			{Name: "reload", Type: "duration", Default: `"10s"`, Doc: "How often to look whether the file has changed."},
			forEach(),
		},
	}
}

func pipeline() Block {
	return Block{
		Name: "pipeline", Header: `pipeline "NAME"`, Doc: "Carries the events of its sources through its stages, in the order written, to its sinks.",
		Args: []Argument{
			{Name: "from", Type: "sources", Required: true, Doc: "The sources: [source.TYPE.NAME, ...]."},
			{Name: "to", Type: "sinks", Required: true, Doc: "The sinks of every event that is left: [sink.TYPE.NAME, ...]."},
			forEach(),
		},
		Blocks: append(Stages(), onFailure()),
	}
}

func test() Block {
	return Block{
		Name: "test", Header: `test "NAME"`, Doc: "Recorded requests and what must come of them, in files named *.test.hcl.",
		Args: []Argument{
			{Name: "given", Type: "files", Required: true, Doc: `The requests, in the order in which they arrive: file("testdata/x.http"), or a list of them.`},
			{Name: "pipeline", Type: "pipeline", Doc: "The pipeline that is tested; needed where the source has several."},
			{Name: "source", Type: "source", Doc: "The source that receives; needed where the request's path does not tell."},
			{Name: "now", Type: "time", Doc: "The time of receipt, and what now() means; without it the time of the run."},
			{Name: "secrets", Type: "object", Doc: "Values for the source's secrets, with which the recording was signed."},
			{Name: "authenticate", Type: "bool", Default: "false", Doc: "Whether requests must pass authentication."},
		},
		Blocks: []Block{
			{Name: "lookup", Header: `lookup "TYPE" "NAME"`, Doc: "All rows that a lookup has in the test.", Args: []Argument{
				{Name: "rows", Type: "object", Required: true, Doc: `The rows by key: { c1 = { tier = "gold" } }.`},
			}},
			{Name: "expect", Header: "expect", Doc: "One assertion.", Args: []Argument{
				{Name: "sink", Type: "sink", Doc: "The sink that the events must be meant for."},
				{Name: "event", Type: "object", Doc: "Fields that the events must have; null means not set."},
				{Name: "when", Type: "condition", Doc: "A further condition on the events."},
				{Name: "count", Type: "number", Doc: "How many there must be; without it at least one."},
				{Name: "filtered", Type: "number", Doc: "How many events a filter must have ended."},
				{Name: "duplicate", Type: "number", Doc: "How many events must have been seen before."},
				{Name: "ignored", Type: "number", Doc: "How many requests must hold no event."},
				{Name: "dead_letter", Type: "string", Doc: "The code of a request, or part of one, that must be refused for good."},
				{Name: "refused", Type: "string", Doc: "The reason for which a request must not be let in."},
			}},
		},
	}
}

// Stages are the blocks of a pipeline.
func Stages() []Block {
	when := Argument{Name: "when", Type: "condition", Required: true, Doc: `A condition on the event, for instance event.delivery_status == "failed".`}
	return []Block{
		{Name: "dedup", Header: "dedup", Doc: "Ends events that were seen before; they are counted as duplicates.", Args: []Argument{
			{Name: "window", Type: "duration", Default: `"168h"`, Doc: "How long events are remembered, 1s or more. At least as long as the providers repeat requests."},
		}},
		{Name: "normalize", Header: "normalize", Doc: "Gives events their type and delivery status, in words that do not depend on the provider.", Args: []Argument{
			{Name: "mapping", Type: "string", Doc: "A CSV file inside the configuration's directory, instead of the provider's own table: word, code, reason, event_type, then attributes."},
		}},
		{Name: "enrich", Header: `enrich "LABEL"`, Doc: "Sets fields from a row of a lookup.", Args: []Argument{
			{Name: "lookup", Type: "lookup", Required: true, Doc: "The lookup: lookup.TYPE.NAME."},
			{Name: "key", Type: "text", Required: true, Doc: "What to look up, for instance event.campaign_id."},
			{Name: "set", Type: "object", Required: true, Doc: "What to set: { region = found.region }. Names are fields that say who and why, or else attributes. Null sets nothing."},
		}},
		setStage(),
		{Name: "filter", Header: "filter", Doc: "Ends events for which the condition does not hold; they are counted, and explained.", Args: []Argument{when}},
		redact(),
		{Name: "route", Header: `route "LABEL"`, Doc: "Sends the events for which the condition holds to further sinks, besides the pipeline's own.", Args: []Argument{
			when, {Name: "to", Type: "sinks", Required: true, Doc: "The sinks: [sink.TYPE.NAME, ...]."},
		}},
	}
}
