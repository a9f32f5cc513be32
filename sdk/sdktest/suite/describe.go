package suite

import (
	"regexp"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// identifier is how types and arguments are called.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// argumentTypes are the types that plugin.proto names.
var argumentTypes = map[string]bool{
	"string": true, "bool": true, "int": true, "float": true, "duration": true,
	"list(string)": true, "map(string)": true, "object": true, "list(object)": true,
}

// checkDescription returns the description of a type, nil if there is none.
func checkDescription(r Reporter, d *wire.DescribeResponse, kind wire.TypeInfo_Kind, name string) *wire.TypeInfo {
	if d.Name == "" || d.Version == "" && len(d.Types) == 0 {
		r.Errorf("Describe: the plugin has name %q, version %q, %d types", d.Name, d.Version, len(d.Types))
	}
	for _, t := range d.Types {
		if t.Kind != kind || t.Name != name {
			continue
		}
		if !identifier.MatchString(t.Name) {
			r.Errorf("Describe: type %q: use lower-case letters, digits and underscores", t.Name)
		}
		if t.Summary == "" {
			r.Errorf("Describe: type %q has no summary", t.Name)
		}
		checkSchema(r, "", t.Schema)
		return t
	}
	r.Errorf("Describe: the plugin serves no %s of type %q", kind, name)
	return nil
}

func checkSchema(r Reporter, path string, s *wire.Schema) {
	seen := map[string]bool{}
	for _, a := range s.GetAttributes() {
		at := path + a.Name
		if !identifier.MatchString(a.Name) {
			r.Errorf("argument %q: use lower-case letters, digits and underscores", at)
		}
		if seen[a.Name] {
			r.Errorf("argument %q is described twice", at)
		}
		seen[a.Name] = true
		if a.Doc == "" {
			r.Errorf("argument %q has no doc", at)
		}
		if !argumentTypes[a.Type] {
			r.Errorf("argument %q has the unknown type %q", at, a.Type)
		}
		nested := a.Type == "object" || a.Type == "list(object)"
		if nested != (a.Block != nil) {
			r.Errorf("argument %q of type %s: nested arguments described: %v", at, a.Type, a.Block != nil)
		}
		checkSchema(r, at+".", a.Block)
	}
}
