package suite

import (
	"bytes"
	"encoding/json"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// minSecret is the shortest value that is looked for: shorter ones turn up by
// chance.
const minSecret = 8

// secrets are the texts that must never come back from a plugin (I14).
type secrets [][]byte

// add adds the values of the sensitive arguments of a configuration, and more.
func (s *secrets) add(config []byte, schema *wire.Schema, more []string) error {
	found, err := sensitiveValues(config, schema)
	for _, v := range append(found, more...) {
		if len(v) >= minSecret {
			*s = append(*s, []byte(v))
		}
	}
	return err
}

// absent reports a secret in what the plugin gave away.
func (s secrets) absent(r Reporter, where string, data []byte) {
	for _, secret := range s {
		if bytes.Contains(data, secret) {
			r.Errorf("%s contains a secret of %d bytes", where, len(secret))
		}
	}
}

// sensitiveValues returns the texts of the sensitive arguments in config.
func sensitiveValues(config []byte, schema *wire.Schema) ([]string, error) {
	var args map[string]json.RawMessage
	if err := json.Unmarshal(config, &args); err != nil {
		return nil, err
	}
	var out []string
	for _, a := range schema.GetAttributes() {
		raw, ok := args[a.Name]
		if !ok {
			continue
		}
		blocks := []json.RawMessage{raw}
		switch {
		case a.Sensitive:
			var v any
			if err := json.Unmarshal(raw, &v); err != nil {
				return nil, err
			}
			out = appendTexts(out, v)
			continue
		case a.Type == "list(object)":
			if err := json.Unmarshal(raw, &blocks); err != nil {
				return nil, err
			}
		case a.Type != "object":
			continue
		}
		for _, b := range blocks {
			sub, err := sensitiveValues(b, a.Block)
			if err != nil {
				return nil, err
			}
			out = append(out, sub...)
		}
	}
	return out, nil
}

func appendTexts(out []string, v any) []string {
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, item := range v {
			out = appendTexts(out, item)
		}
	case map[string]any:
		for _, item := range v {
			out = appendTexts(out, item)
		}
	}
	return out
}
