package plan

// rule says what a field of a configuration's types is to a plan.
type rule struct {
	touch Touch
	// name is the argument's, if it isn't the field's in lower case with
	// underscores.
	name string
	how  how
}

// itself is the name of a field that is what its struct is about.
const itself = "."

// how a field is looked at.
type how uint8

const (
	shown     how = iota // a value that may be shown
	hidden               // a secret: compared, never shown
	skipped              // no part of what the configuration does
	inside               // a struct, or a list of them, whose fields have rules of their own
	arguments            // a plugin's arguments as JSON, described by its schema
	content              // a file that is read once: its content counts, not its name alone
)

// rules classifies every field of the types that a configuration consists of, by
// "Type.Field". TestRules fails for a field that is missing here; until it is
// added, a plan treats it with care (walk.go).
func rules() map[string]rule {
	const nothing = Touch(0)
	skip, in := rule{nothing, "", skipped}, func(t Touch) rule { return rule{t, "", inside} }
	show := func(t Touch) rule { return rule{t, "", shown} }
	return map[string]rule{
		"Config.Dir": skip, "Config.RequiredVersion": skip, "Config.Secrets": skip, "Config.Files": skip,
		"Config.Tests": skip, "Config.Ranges": skip, "Config.Plugins": skip, // what may serve, not what does
		"Config.DataDir":  show(Process),
		"Config.Receiver": skip, "Config.Admin": skip, "Config.Journal": skip, // units of their own
		"Config.Sources": skip, "Config.Sinks": skip, "Config.Lookups": skip, "Config.Pipelines": skip,

		"Receiver.Listen": show(Process), "Receiver.MaxInFlight": show(Process), "Receiver.MaxConnections": show(Process),
		"Receiver.HeaderTimeout": show(Process), "Receiver.BodyTimeout": show(Process),
		"Receiver.IdleTimeout": show(Process), "Receiver.WriteTimeout": show(Process),
		"Receiver.PublicURL": show(Endpoint), "Receiver.MaxBody": show(Endpoint),
		"Receiver.MaxHeaderBytes": show(Process), "Receiver.TLS": in(Process),
		"Receiver.Allow": show(Endpoint), "Receiver.TrustedProxies": show(Endpoint), "Receiver.ForwardedHeader": show(Endpoint),
		// Their contents are looked at by the receiver itself.
		"TLS.CertFile": show(Process), "TLS.KeyFile": show(Process), "TLS.ClientCAFile": show(Process),
		"TLS.MinVersion": show(Process), "TLS.Reload": show(Process),
		"Admin.Listen":   show(Process),
		"Journal.Retain": show(Live), "Journal.MaxDisk": show(Process), "Journal.MinFree": show(Process),

		"Source.Address": skip, "Source.Type": skip, "Source.Name": skip, "Source.Block": skip, "Source.Ranges": skip, "Source.Info": skip,
		"Source.MissingSecrets": skip,
		"Source.Path":           show(Endpoint), "Source.PublicURL": show(Endpoint), "Source.OnAuthFailure": show(Endpoint),
		"Source.MaxBody": show(Endpoint), "Source.Allow": show(Endpoint), "Source.ClientCertificate": show(Endpoint),
		"Source.MaxRate": show(Endpoint), "Source.ConfigJSON": {Plugin, "", arguments},

		"Sink.Address": skip, "Sink.Type": skip, "Sink.Name": skip, "Sink.Block": skip, "Sink.Ranges": skip, "Sink.Info": skip,
		"Sink.MissingSecrets": skip,
		"Sink.Batch":          in(Dispatch), "Sink.ConfigJSON": {Plugin, "", arguments},
		"Batch.MaxEvents": show(Dispatch), "Batch.MaxBytes": show(Dispatch), "Batch.MaxWait": show(Dispatch),

		"Lookup.Address": skip, "Lookup.Type": skip, "Lookup.Name": skip, "Lookup.Range": skip,
		"Lookup.Columns": skip, // what the file said when it was read
		"Lookup.File":    show(Table), "Lookup.Key": show(Table), "Lookup.Reload": show(Table),

		"Lookup.Remote": {Table, itself, inside}, "Lookup.SQL": {Table, itself, inside}, "Lookup.HTTP": {Table, itself, inside},
		"Remote.TTL": {Table, "cache.ttl", shown}, "Remote.NegativeTTL": {Table, "cache.negative_ttl", shown},
		"Remote.MaxEntries": {Table, "cache.max_entries", shown}, "Remote.Timeout": show(Table),
		"Remote.MaxConnections": show(Table), "Remote.OnError": show(Table),
		"LookupInDB.Driver": show(Table), "LookupInDB.Query": show(Table), "LookupInDB.DSN": {Table, "", hidden},
		"LookupInWeb.URL": {Table, "", hidden}, "LookupInWeb.Headers": in(Table), "LookupInWeb.Fields": in(Table),
		"LookupInWeb.NotFound": show(Table),
		"Header.Name":          skip, "Header.Value": {Table, itself, hidden},
		"LookupField.Column": skip, "LookupField.Path": {Table, itself, shown},

		"Pipeline.Name": skip, "Pipeline.Range": skip,
		"Pipeline.From": show(Lanes), "Pipeline.To": show(Lanes), "Pipeline.Stages": in(Lanes),
		"Pipeline.OnFailure": in(Dispatch), "OnFailure.Attempts": show(Dispatch), "OnFailure.MaxAge": show(Dispatch),
		"OnFailure.Range": skip,
		"Stage.Kind":      skip, "Stage.Label": skip, "Stage.Range": skip,
		"Stage.Dedup": in(Lanes), "Stage.Normalize": in(Lanes), "Stage.Enrich": in(Lanes),
		"Stage.Filter": in(Lanes), "Stage.Route": in(Lanes),
		"Dedup.Window": show(Lanes), "Normalize.Mapping": {Lanes, "", content},
		"Enrich.Lookup": show(Lanes), "Enrich.Key": show(Lanes), "Enrich.Set": in(Lanes),
		"Assignment.Field": skip, "Assignment.Range": skip, "Assignment.Attribute": skip, "Assignment.Value": {Lanes, itself, shown},
		"Stage.Set": in(Lanes), "Set.Set": {Lanes, itself, inside},
		"Stage.Redact": in(Lanes), "Redact.Rules": {Lanes, itself, inside}, "Redact.Key": {Lanes, "", hidden}, "Redact.MissingKey": skip,
		// A rule is its name and what happens; the rest says what the name means.
		"Redaction.Action": {Lanes, itself, shown}, "Redaction.Name": skip, "Redaction.Field": skip,
		"Redaction.Attribute": skip, "Redaction.Payload": skip, "Redaction.Path": skip, "Redaction.FormField": skip,
		"Redaction.Range": skip,
		"Filter.When":     show(Lanes), "Route.When": show(Lanes), "Route.To": show(Lanes),
	}
}
