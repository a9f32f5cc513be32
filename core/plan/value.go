package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/core/config"
)

// maxRender is how deep a value is written; the configuration's types are not
// half as deep.
const maxRender = 20

// unset stands for what is not there, or is zero and so takes a default.
const unset = "not set"

// render writes a value. Equal values give equal texts, different ones different
// texts. What refers to another unit is written as its address, and noted.
func (w *walk) render(v reflect.Value, depth int) string {
	if depth > maxRender {
		return "too deep"
	}
	if !v.IsValid() || (v.Kind() != reflect.Bool && v.IsZero()) {
		return unset
	}
	if !v.CanInterface() {
		return w.parts(v, depth)
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return duration(x)
	case *config.Source:
		return w.refer("source." + x.Address)
	case *config.Sink:
		return w.refer("sink." + x.Address)
	case *config.Lookup:
		return w.refer("lookup." + x.Address)
	case *config.Pipeline:
		return w.refer("pipeline." + x.Name)
	case config.Path:
		return pathText(x)
	case interface{ Text() string }:
		return x.Text()
	case fmt.Stringer:
		return x.String()
	case string:
		return fmt.Sprintf("%q", x)
	case []byte:
		return fmt.Sprintf("%q", x)
	}
	return w.parts(v, depth)
}

func (w *walk) refer(address string) string {
	if !slices.Contains(w.u.refs, address) {
		w.u.refs = append(w.u.refs, address)
	}
	return address
}

// parts writes a value by its kind.
func (w *walk) parts(v reflect.Value, depth int) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return w.render(v.Elem(), depth+1)
	case reflect.Slice, reflect.Array:
		out := make([]string, v.Len())
		for i := range out {
			out[i] = w.render(v.Index(i), depth+1)
		}
		return "[" + strings.Join(out, ", ") + "]"
	case reflect.Map:
		var out []string
		for _, k := range v.MapKeys() {
			out = append(out, fmt.Sprintf("%v = %s", k, w.render(v.MapIndex(k), depth+1)))
		}
		slices.Sort(out)
		return "{" + strings.Join(out, ", ") + "}"
	case reflect.Struct:
		var out []string
		for i := range v.NumField() {
			out = append(out, snake(v.Type().Field(i).Name)+" = "+w.render(v.Field(i), depth+1))
		}
		return "{" + strings.Join(out, ", ") + "}"
	case reflect.String:
		return fmt.Sprintf("%q", v.String())
	}
	return fmt.Sprint(v)
}

// duration writes a duration without its zeros.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// pathText writes a path as it is written in a configuration.
func pathText(p config.Path) string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.Any:
			b.WriteString("[*]")
		case s.Name == "":
			fmt.Fprintf(&b, "[%d]", s.Index)
		case strings.ContainsAny(s.Name, ".[]\""):
			fmt.Fprintf(&b, "[%q]", s.Name)
		case i > 0:
			b.WriteString("." + s.Name)
		default:
			b.WriteString(s.Name)
		}
	}
	return fmt.Sprintf("%q", b.String())
}
