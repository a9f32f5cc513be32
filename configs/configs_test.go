package configs_test

import (
	"bytes"
	"encoding/csv"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-io/patchbay/configs"
	"github.com/patchbay-io/patchbay/sdk"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// read returns a table's header and rows. Every row has as many fields as the
// header, which the reader itself checks.
func read(t *testing.T, name string) (head []string, rows [][]string) {
	t.Helper()
	data, err := configs.FS.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comment = '#'
	all, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(all) < 2 {
		t.Fatalf("%s: %d lines, want a header and rows", name, len(all))
	}
	return all[0], all[1:]
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// attributes are the values that a mapping may set, and what it may set them to;
// nil accepts any.
var attributes = map[string][]string{
	sdk.AttrBounceClass:  {"hard", "soft", "block", "other"},
	sdk.AttrMachine:      {"true"},
	sdk.AttrConsentScope: nil,
	"delivered_to":       {"handset", "network", "unknown"},
	"partial":            {"true"},
}

// TestMappings checks that every table says one thing of each word, in words
// that exist.
func TestMappings(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(configs.FS, "mapping/*")
	if err != nil || len(files) < 2 {
		t.Fatalf("mapping tables %q (%v), want at least twilio and sendgrid", files, err)
	}
	for _, f := range files {
		t.Run(path.Base(f), func(t *testing.T) {
			t.Parallel()
			if path.Ext(f) != ".csv" {
				t.Errorf("%s is not a CSV file", f)
			}
			checkMapping(t, f)
		})
	}
}

func checkMapping(t *testing.T, file string) {
	head, rows := read(t, file)
	if want := []string{"word", "code", "reason", "event_type"}; !slices.Equal(head[:min(4, len(head))], want) {
		t.Fatalf("columns %q, want %q first", head, want)
	}
	for _, name := range head[4:] {
		if _, ok := attributes[name]; !ok {
			t.Errorf("column %q is no attribute that a mapping may set", name)
		}
	}
	seen := map[[3]string]bool{}
	plain := map[string]bool{}
	for _, row := range rows {
		key := [3]string{fold(row[0]), fold(row[1]), fold(row[2])}
		if key[0] == "" || seen[key] {
			t.Errorf("row %q: no word, or the second row for it", row)
		}
		seen[key] = true
		plain[key[0]] = plain[key[0]] || (key[1] == "" && key[2] == "")
		checkRow(t, head, row)
	}
	for key := range seen {
		if !plain[key[0]] { // otherwise a new code or reason would make a known word unmapped
			t.Errorf("word %q has no row for a code or reason that is not listed", key[0])
		}
	}
}

// checkRow checks a row's type, and that its attributes go with it.
func checkRow(t *testing.T, head, row []string) {
	t.Helper()
	typ, err := sdk.ParseEventType(row[3])
	if err != nil || typ == sdk.Unspecified || typ == sdk.Unmapped {
		t.Errorf("row %q: event type %q is not one to map to (%v)", row, row[3], err)
	}
	set := map[string]bool{}
	for i, v := range row[4:] {
		name := head[4+i]
		if allowed := attributes[name]; v != "" && allowed != nil && !slices.Contains(allowed, v) {
			t.Errorf("row %q: %s is %q, want one of %q", row, name, v, allowed)
		}
		set[name] = v != ""
	}
	if got, want := set[sdk.AttrBounceClass], typ == sdk.Bounced; got != want {
		t.Errorf("row %q: has a bounce class: %v, want %v", row, got, want)
	}
	// A change of consent without a scope would be one of everything.
	if got, want := set[sdk.AttrConsentScope], typ == sdk.OptedIn || typ == sdk.OptedOut; got != want {
		t.Errorf("row %q: has a consent scope: %v, want %v", row, got, want)
	}
}

// TestWords names each word that the providers document, and what it must mean:
// a slip of the hand in a table shows here.
func TestWords(t *testing.T) {
	t.Parallel()
	type key struct{ word, code, reason string }
	type meaning struct{ typ, class string }
	for file, want := range map[string]map[key]meaning{
		"mapping/twilio.csv": {
			{"accepted", "", ""}: {"queued", ""}, {"scheduled", "", ""}: {"queued", ""}, {"queued", "", ""}: {"queued", ""},
			{"sending", "", ""}: {"queued", ""}, {"sent", "", ""}: {"sent", ""}, {"delivered", "", ""}: {"delivered", ""},
			{"partially_delivered", "", ""}: {"delivered", ""}, {"undelivered", "", ""}: {"bounced", "other"},
			{"undelivered", "30003", ""}: {"bounced", "soft"}, {"undelivered", "30005", ""}: {"bounced", "hard"},
			{"undelivered", "30006", ""}: {"bounced", "hard"}, {"undelivered", "30007", ""}: {"bounced", "block"},
			{"undelivered", "21610", ""}: {"suppressed", ""}, {"failed", "", ""}: {"failed", ""},
			{"failed", "21610", ""}: {"suppressed", ""}, {"canceled", "", ""}: {"canceled", ""}, {"read", "", ""}: {"read", ""},
			{"received", "", ""}: {"received", ""}, {"stop", "", ""}: {"opted_out", ""}, {"start", "", ""}: {"opted_in", ""},
			{"link-clicked", "", ""}: {"clicked", ""},
		},
		"mapping/sendgrid.csv": {
			{"processed", "", ""}: {"queued", ""}, {"deferred", "", ""}: {"deferred", ""}, {"delivered", "", ""}: {"delivered", ""},
			{"bounce", "", ""}: {"bounced", "hard"}, {"dropped", "", ""}: {"failed", ""},
			{"dropped", "", "bounced address"}: {"suppressed", ""}, {"dropped", "", "unsubscribed address"}: {"suppressed", ""},
			{"dropped", "", "spam reporting address"}: {"suppressed", ""}, {"open", "", ""}: {"opened", ""},
			{"click", "", ""}: {"clicked", ""}, {"spamreport", "", ""}: {"complained", ""}, {"unsubscribe", "", ""}: {"opted_out", ""},
			{"group_unsubscribe", "", ""}: {"opted_out", ""}, {"group_resubscribe", "", ""}: {"opted_in", ""},
		},
	} {
		head, rows := read(t, file)
		class := slices.Index(head, sdk.AttrBounceClass)
		got := map[key]meaning{}
		for _, row := range rows {
			got[key{fold(row[0]), fold(row[1]), fold(row[2])}] = meaning{row[3], row[class]}
		}
		for k, w := range want {
			if got[k] != w {
				t.Errorf("%s: %q means %q, want %q", file, k, got[k], w)
			}
		}
	}
}

// TestDictionary checks that the dictionary has each event type once, in the
// order of their numbers, and claims what the code does.
func TestDictionary(t *testing.T) {
	t.Parallel()
	head, rows := read(t, "dictionary.csv")
	if want := []string{"event_type", "meaning", "asserts"}; !slices.Equal(head, want) {
		t.Fatalf("columns %q, want %q", head, want)
	}
	var types []string
	for _, row := range rows {
		types = append(types, row[0])
		typ, err := sdk.ParseEventType(row[0])
		if err != nil {
			t.Error(err)
		}
		if got, want := row[2], typ.Asserts().String(); got != want {
			t.Errorf("%s asserts %q, want %q", row[0], got, want)
		}
		if len(row[1]) < 20 || !strings.HasSuffix(row[1], ".") {
			t.Errorf("%s: meaning %q, want a sentence", row[0], row[1])
		}
	}
	if want := sdk.EventTypes(); !slices.Equal(types, want) {
		t.Errorf("event types %q, want %q", types, want)
	}
}
