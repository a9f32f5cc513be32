package suite

import (
	"fmt"
	"strings"
)

// difference shows the lines of got and want around the first that differ: the
// golden files are small, and a person regenerates them to see the rest.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	from := 0
	for from < len(g) && from < len(w) && g[from] == w[from] {
		from++
	}
	show := func(name string, lines []string) string {
		to := min(from+8, len(lines))
		return fmt.Sprintf("%s from line %d:\n%s\n", name, from+1, strings.Join(lines[min(from, to):to], "\n"))
	}
	return show("got", g) + show("want", w)
}
