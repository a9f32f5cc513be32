package plan

import (
	"reflect"

	"github.com/patchbay-io/patchbay/core/config"
)

// Pin returns next with what is fixed for as long as patchbay runs taken from
// running: what can be put to work now.
func Pin(running, next *config.Config) *config.Config {
	out := *next
	rs := rules()
	pinned := func(typ string) func(field string) bool {
		return func(field string) bool {
			r, known := rs[typ+"."+field]
			return !known || r.touch&Process != 0
		}
	}
	pin(reflect.ValueOf(&out).Elem(), reflect.ValueOf(*running), pinned("Config"))
	pin(reflect.ValueOf(&out.Receiver).Elem(), reflect.ValueOf(running.Receiver), pinned("Receiver"))
	pin(reflect.ValueOf(&out.Admin).Elem(), reflect.ValueOf(running.Admin), pinned("Admin"))
	pin(reflect.ValueOf(&out.Journal).Elem(), reflect.ValueOf(running.Journal), pinned("Journal"))
	return &out
}

func pin(to, from reflect.Value, pinned func(string) bool) {
	for i := range to.NumField() {
		if pinned(to.Type().Field(i).Name) {
			to.Field(i).Set(from.Field(i))
		}
	}
}
