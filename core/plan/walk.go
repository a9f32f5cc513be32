package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/patchbay-io/patchbay/sdk/wire"
)

// taker takes configurations apart.
type taker struct {
	o     Options
	rules map[string]rule
}

// walk is the way through one unit. care is what an unknown field touches.
type walk struct {
	*taker
	u     *unit
	care  Touch
	group string
}

func (t *taker) unit(kind, address string, care Touch, v reflect.Value) *unit {
	u := &unit{kind: kind, address: address}
	w := &walk{taker: t, u: u, care: care}
	w.fields("", v)
	return u
}

// fields takes the fields of a struct.
func (w *walk) fields(prefix string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		r, known := w.rules[v.Type().Name()+"."+f.Name]
		if !known {
			// Nobody has thought about it: it may be a secret, and it may matter.
			r = rule{touch: w.care, how: hidden}
		}
		if r.name == "" {
			r.name = snake(f.Name)
		}
		w.field(prefix, r, v, v.Field(i))
	}
}

func (w *walk) field(prefix string, r rule, owner, v reflect.Value) {
	path := prefix + r.name
	if r.name == itself {
		path = strings.TrimSuffix(prefix, ".")
	}
	switch r.how {
	case shown:
		w.add(attr{path: path, text: w.render(v, 0), touch: r.touch})
	case hidden:
		w.add(attr{path: path, text: w.render(v, 0), touch: r.touch, mute: true})
	case content:
		w.add(attr{path: path, text: w.render(v, 0), touch: r.touch})
		if w.o.Content != nil && v.String() != "" {
			w.add(attr{path: path + " content", text: w.o.Content(v.String()), touch: r.touch, mute: true})
		}
	case arguments:
		info, _ := owner.FieldByName("Info").Interface().(*wire.TypeInfo)
		w.arguments(prefix, v.Bytes(), info.GetSchema(), info != nil, r.touch)
	case inside:
		w.inside(path, r, v)
	case skipped:
	}
}

// inside takes a struct's fields, or those of a list's elements.
func (w *walk) inside(path string, r rule, v reflect.Value) {
	below := path + "."
	if path == "" {
		below = ""
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			w.fields(below, v.Elem())
		}
	case reflect.Struct:
		w.fields(below, v)
	case reflect.Slice:
		if v.Type().Elem().Name() == "Stage" {
			w.stages(v, r.touch)
			return
		}
		var names []string
		seen := map[string]int{}
		for i := range v.Len() {
			e := reflect.Indirect(v.Index(i))
			name := numbered(seen, elementName(e, i))
			names = append(names, name)
			w.fields(below+name+".", e)
		}
		w.add(attr{path: path + " order", text: strings.Join(names, ", "), touch: r.touch, order: true})
	default:
		// A kind that no type has today: as text, so that a change shows.
		w.add(attr{path: path, text: w.render(v, 0), touch: r.touch, mute: true})
	}
}

// elementName is what an element of a list is called: as its own field says, or
// by its number.
func elementName(e reflect.Value, i int) string {
	for _, name := range []string{"Name", "Field", "Column", "Label"} {
		if f := e.FieldByName(name); f.IsValid() && f.Kind() == reflect.String && f.String() != "" {
			return f.String()
		}
	}
	return fmt.Sprint(i)
}

// numbered tells several with one name apart: the second is called NAME 2.
func numbered(seen map[string]int, name string) string {
	if seen[name]++; seen[name] > 1 {
		return fmt.Sprint(name, " ", seen[name])
	}
	return name
}

// stages takes a pipeline's stages. A stage is called by its kind and label.
func (w *walk) stages(v reflect.Value, touch Touch) {
	var names []string
	seen := map[string]int{}
	for i := range v.Len() {
		s := v.Index(i)
		name := s.FieldByName("Kind").String()
		if label := s.FieldByName("Label").String(); label != "" {
			name += fmt.Sprintf(" %q", label)
		}
		name = numbered(seen, name)
		names = append(names, name)
		w.group = name
		w.add(attr{path: name, touch: touch, mark: true})
		for k := range s.NumField() {
			f := s.Type().Field(k)
			r, known := w.rules["Stage."+f.Name]
			switch {
			case known && r.how == skipped:
			case s.Field(k).Kind() == reflect.Pointer && s.Field(k).Type().Elem().Kind() == reflect.Struct:
				if !s.Field(k).IsNil() {
					w.fields(name+".", s.Field(k).Elem())
				}
			default:
				w.add(attr{path: name + "." + snake(f.Name), text: w.render(s.Field(k), 0), touch: touch, mute: true})
			}
		}
		w.group = ""
	}
	w.add(attr{path: "stages order", text: strings.Join(names, ", "), touch: touch, order: true})
}

// add keeps an argument. What the mask would change is kept out of sight.
func (w *walk) add(a attr) {
	a.group = w.group
	a.sum = w.sum(a.text)
	if w.o.Mask != nil && w.o.Mask(a.text) != a.text {
		a.mute = true
	}
	if a.mute {
		a.text = ""
	}
	w.u.attrs = append(w.u.attrs, a)
}

// arguments takes a plugin's arguments. Without a schema any of them may be a
// secret.
func (w *walk) arguments(prefix string, text []byte, schema *wire.Schema, known bool, touch Touch) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		w.add(attr{path: prefix + "arguments", text: string(text), touch: touch, mute: true})
		return
	}
	w.object(prefix, v, schema, known, touch)
}

func (w *walk) object(prefix string, v map[string]any, schema *wire.Schema, known bool, touch Touch) {
	for _, name := range slices.Sorted(maps.Keys(v)) {
		i := slices.IndexFunc(schema.GetAttributes(), func(a *wire.Attribute) bool { return a.Name == name })
		mute, nested := !known, (*wire.Schema)(nil)
		if i >= 0 {
			mute, nested = schema.Attributes[i].Sensitive, schema.Attributes[i].Block
		}
		switch g := v[name].(type) {
		case map[string]any:
			if nested != nil || !known {
				w.object(prefix+name+".", g, nested, known, touch)
				continue
			}
		case []any:
			if nested != nil {
				w.objects(prefix+name, g, nested, known, touch)
				continue
			}
		}
		text, _ := json.Marshal(v[name]) // it was JSON a moment ago
		w.add(attr{path: prefix + name, text: string(text), touch: touch, mute: mute})
	}
}

func (w *walk) objects(path string, list []any, schema *wire.Schema, known bool, touch Touch) {
	for i, e := range list {
		if m, ok := e.(map[string]any); ok {
			sub := fmt.Sprintf("%s.%d", path, i)
			w.add(attr{path: sub, touch: touch})
			w.object(sub+".", m, schema, known, touch)
		}
	}
}

// snake writes a field's name as an argument's: MaxBody is max_body, PublicURL
// is public_url.
func snake(name string) string {
	rs := []rune(name)
	var b strings.Builder
	for i, c := range rs {
		begins := i > 0 && unicode.IsUpper(c) && (unicode.IsLower(rs[i-1]) || (i+1 < len(rs) && unicode.IsLower(rs[i+1])))
		if begins {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
