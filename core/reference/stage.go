package reference

func setStage() Block {
	field := func(name string) Argument {
		return Argument{Name: name, Type: "text", Doc: "What event." + name + " becomes."}
	}
	b := Block{Name: "set", Header: "set", Doc: "Sets fields to values that come from the event itself. Null sets nothing; all values are computed before any is set. It may have a label."}
	for _, name := range []string{"conversation_id", "customer_id", "campaign_id", "account", "error_reason", "recipient", "sender"} {
		b.Args = append(b.Args, field(name))
	}
	b.Args = append(b.Args, Argument{Name: "attributes", Type: "object", Doc: `Attributes to set: { region = lower(event.attributes.country) }.`})
	return b
}

func redact() Block {
	return Block{
		Name: "redact", Header: "redact",
		Doc: "Takes personal data out of events, wherever in the event it is repeated. What can be named: recipient, sender, customer_id, conversation_id, error_reason, attributes.NAME, source_payload.PATH, and source_payload as a whole in drop.",
		Args: []Argument{
			{Name: "drop", Type: "list(string)", Doc: "What is emptied."},
			{Name: "mask", Type: "list(string)", Doc: "What keeps as much as people need to recognise it: +44******123, j***@example.com."},
			{Name: "tokenize", Type: "list(string)", Doc: "What is replaced by a token, the same for the same value everywhere and always."},
			{Name: "key", Type: "secret", Doc: `The key of the tokens, at least 16 bytes: secret("env:NAME"). Another key makes other tokens.`},
		},
	}
}

func onFailure() Block {
	return Block{
		Name: "on_failure", Header: "on_failure", Doc: "How long an event is tried at each sink before it becomes a dead letter there. Without it, as long as the sink asks for a retry.",
		Args: []Argument{
			{Name: "attempts", Type: "number", Doc: "How often an event may fail by itself. While a sink is away, nothing counts."},
			{Name: "max_age", Type: "duration", Doc: `How long after it was staged an event that could not be written is given up, for instance "72h".`},
		},
	}
}
