package reference

func lookupSQL() Block {
	return Block{
		Name: "lookup-sql", Header: `lookup "sql" "NAME"`, Doc: "A table that enrich reads, from a database that is asked for each key.",
		Args: append([]Argument{
			{Name: "driver", Type: "string", Required: true, Doc: "postgres or sqlite."},
			{Name: "dsn", Type: "secret", Doc: `Where PostgreSQL is and who we are: secret("env:NAME") with postgres://user:password@host/database in it.`},
			{Name: "file", Type: "string", Doc: "The file of an SQLite database, inside the configuration's directory. It is opened for reading alone."},
			{Name: "query", Type: "string", Required: true, Doc: "A query that gives at most one row, with $1 in the place of the key. It runs in a read-only transaction."},
			{Name: "columns", Type: "list(string)", Required: true, Doc: "The columns that the query gives; enrich names them found.COLUMN."},
		}, remoteArguments()...),
		Blocks: []Block{cache()},
	}
}

func lookupHTTP() Block {
	return Block{
		Name: "lookup-http", Header: `lookup "http" "NAME"`, Doc: "A table that enrich reads, from a web service that is asked for each key and answers in JSON.",
		Args: append([]Argument{
			{Name: "url", Type: "URL", Required: true, Doc: "What to ask, with {key} in the path or the query: https://crm.example/api/accounts/{key}."},
			{Name: "headers", Type: "map(string)", Doc: `Headers of the request, for instance { Authorization = secret("env:NAME") }.`},
			{Name: "fields", Type: "map(string)", Required: true, Doc: `Where in the answer each column is: { tier = "data.tier", city = "addresses[0].city" }.`},
			{Name: "not_found", Type: "list(number)", Default: "[404]", Doc: "The statuses that say that there is nothing under the key."},
		}, remoteArguments()...),
		Blocks: []Block{cache()},
	}
}

func remoteArguments() []Argument {
	return []Argument{
		{Name: "for_each", Type: "map or set", Doc: "Makes one lookup of the block for each element; each.key and each.value tell them apart."},
		{Name: "timeout", Type: "duration", Default: `"2s"`, Doc: "How long an answer may take."},
		{Name: "max_connections", Type: "number", Default: "4", Doc: "How many keys are asked for at a time, up to 100."},
		{Name: "on_error", Type: "string", Default: `"retry"`, Doc: "While nobody answers: retry has the pipeline wait, skip has events go on without, marked with the attribute lookup_failed."},
	}
}

func cache() Block {
	return Block{Name: "cache", Header: "cache", Doc: "How long answers are used again.", Args: []Argument{
		{Name: "ttl", Type: "duration", Default: `"5m"`, Doc: "How long a row is used."},
		{Name: "negative_ttl", Type: "duration", Default: `"30s"`, Doc: "How long a key without a row is not asked for again."},
		{Name: "max_entries", Type: "number", Default: "100000", Doc: "How many answers are kept; besides, at most 64 MiB of them."},
	}}
}
