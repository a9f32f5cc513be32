package suite

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

// checkParsed checks what holds for any answer, to requests good and bad.
func (s *Source) checkParsed(r Reporter, in []sdk.Delivery, p *sdk.Parsed) {
	answered := make([]bool, len(in))
	ends := make([]int, len(in))
	for i := range p.Events {
		e := &p.Events[i]
		d := e.DeliveryIndex()
		answered[d] = true
		s.secrets.absent(r, "an event", e.AppendWire(nil))
		if !inside(in[d].Body, e.PayloadOffset, e.PayloadLength) {
			r.Errorf("an event's payload (offset %d, %d bytes) lies outside its body of %d bytes", e.PayloadOffset, e.PayloadLength, len(in[d].Body))
		}
		if e.PayloadLength != 0 && e.PayloadOffset < ends[d] && e.PayloadOffset+e.PayloadLength > ends[d] {
			r.Errorf("the payload of an event (offset %d) reaches into that of the one before (end %d)", e.PayloadOffset, ends[d])
		}
		ends[d] = max(ends[d], e.PayloadOffset+e.PayloadLength)
		if e.Channel == sdk.NoChannel {
			r.Errorf("an event has no channel: ProviderStatus %q", e.ProviderStatus)
		}
	}
	for _, v := range p.Verdicts {
		answered[v.Delivery] = true
		if v.Code == "" {
			r.Errorf("a verdict has no code: %+v", v)
		}
		s.secrets.absent(r, "a verdict", []byte(v.Code+"\n"+v.Reason))
		if v.Part && !inside(in[v.Delivery].Body, v.Offset, v.Length) {
			r.Errorf("a rejected part (offset %d, %d bytes) lies outside its body of %d bytes", v.Offset, v.Length, len(in[v.Delivery].Body))
		}
	}
	for i, ok := range answered {
		if !ok { // I3: nothing vanishes
			r.Errorf("request %d of %d (body of %d bytes) gave neither an event nor a verdict", i, len(in), len(in[i].Body))
		}
	}
}

// batches checks that what comes of a request depends on nothing but the
// request (I8): not on its neighbours, their order, or the time of receipt.
func (s *Source) batches(ctx context.Context, r Reporter, g *group) {
	if !s.configure(ctx, r, g.config) {
		return
	}
	alone := make([]result, len(g.cases))
	for i := range g.cases {
		got := s.parsed(ctx, r, []sdk.Delivery{g.cases[i].Delivery})
		if got == nil {
			return
		}
		alone[i] = got[0]
	}
	const size = 512
	rng := rand.New(rand.NewPCG(1, 2)) // fixed: a failure repeats itself
	for round := range 2 {
		in, from := make([]sdk.Delivery, size), make([]int, size)
		for i := range in {
			from[i] = i % len(g.cases)
			if round > 0 {
				from[i] = rng.IntN(len(g.cases))
			}
			in[i] = g.cases[from[i]].Delivery
			in[i].ReceivedAt = in[i].ReceivedAt.Add(time.Duration(i*round) * 97 * time.Second)
		}
		for i, got := range s.parsed(ctx, r, in) {
			if want := alone[from[i]]; !reflect.DeepEqual(got, want) {
				reportOther(r, fmt.Sprintf("%s, request %d of a batch of %d", g.cases[from[i]].Name, i, size), got, want)
				return
			}
		}
	}
}

func reportOther(r Reporter, what string, got, want result) {
	g, err := got.encode()
	w, err2 := want.encode()
	if err != nil || err2 != nil {
		r.Errorf("%s gives another result than alone: %+v, want %+v", what, got, want)
		return
	}
	r.Errorf("%s gives another result than alone:\n%s", what, difference(string(g), string(w)))
}

// unknownWord is a status that no provider sends.
const unknownWord = "zz_unheard_of"

// unknownStatus puts a status that nobody knows into each case: it is kept as
// sent and never guessed.
func (s *Source) unknownStatus(ctx context.Context, r Reporter, g *group) {
	if !s.configure(ctx, r, g.config) {
		return
	}
	for i := range g.cases {
		c := &g.cases[i]
		got := s.parsed(ctx, r, []sdk.Delivery{c.Delivery})
		if got == nil || c.Fixed {
			continue
		}
		tried := map[string]bool{"": true}
		for _, e := range got[0].Events {
			if tried[e.ProviderStatus] {
				continue
			}
			tried[e.ProviderStatus] = true
			d := c.Delivery
			d.Body = replaceWord(d.Body, e.ProviderStatus, unknownWord)
			d.URL = string(replaceWord([]byte(d.URL), e.ProviderStatus, unknownWord))
			if bytes.Equal(d.Body, c.Delivery.Body) && d.URL == c.Delivery.URL {
				continue
			}
			if out := s.parsed(ctx, r, []sdk.Delivery{d}); out != nil {
				checkUnknown(r, c.Name, e.ProviderStatus, out[0])
			}
		}
	}
}

func checkUnknown(r Reporter, name, word string, got result) {
	found := false
	for _, e := range got.Events {
		if !strings.EqualFold(e.ProviderStatus, unknownWord) {
			continue
		}
		found = true
		if e.Type != "" && e.Type != sdk.Unmapped.String() {
			r.Errorf("%s: the unknown status %q was guessed to be %q", name, unknownWord, e.Type)
		}
	}
	if !found {
		r.Errorf("%s: with an unknown status in the place of %q no event has it as its ProviderStatus: %+v", name, word, got)
	}
}

// replaceWord replaces word where it stands by itself.
func replaceWord(b []byte, word, with string) []byte {
	var out []byte
	for {
		i := bytes.Index(b, []byte(word))
		if i < 0 {
			return append(out, b...)
		}
		end := i + len(word)
		out = append(out, b[:i]...)
		if (i > 0 && wordByte(b[i-1])) || (end < len(b) && wordByte(b[end])) {
			out = append(out, word...)
		} else {
			out = append(out, with...)
		}
		b = b[end:]
	}
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// poison puts requests that cannot be understood among good ones: the good ones
// come out as ever, the bad ones are accounted for, and the call does not fail.
func (s *Source) poison(ctx context.Context, r Reporter, g *group) {
	if !s.configure(ctx, r, g.config) {
		return
	}
	good := g.cases[0].Delivery
	alone := s.parsed(ctx, r, []sdk.Delivery{good})
	if alone == nil {
		return
	}
	for i := range g.cases[:min(len(g.cases), 12)] {
		c := &g.cases[i]
		batches := [][]sdk.Delivery{mutants(&c.Delivery)}
		if i == 0 {
			batches = append(batches, hugeMutants(&c.Delivery))
		}
		for _, bad := range batches {
			in := []sdk.Delivery{good}
			for k := range bad {
				in = append(in, bad[k], good)
			}
			first := s.parsed(ctx, r, in)
			second := s.parsed(ctx, r, in)
			if first == nil || second == nil {
				r.Errorf("%s: a request that cannot be understood made the batch fail", c.Name)
				return
			}
			for k := range first {
				if k%2 == 0 && !reflect.DeepEqual(first[k], alone[0]) {
					reportOther(r, g.cases[0].Name+" beside mutants of "+c.Name, first[k], alone[0])
					return
				}
				if !reflect.DeepEqual(first[k], second[k]) {
					reportOther(r, "a mutant of "+c.Name+", the second time,", second[k], first[k])
					return
				}
			}
		}
	}
}

func withBody(d sdk.Delivery, body []byte) sdk.Delivery {
	d.Body = body
	return d
}

// mutants returns requests like d with something wrong.
func mutants(d *sdk.Delivery) []sdk.Delivery {
	var out []sdk.Delivery
	for k := range 32 {
		out = append(out, withBody(*d, d.Body[:len(d.Body)*k/32]))
	}
	rng := rand.New(rand.NewPCG(3, uint64(len(d.Body))))
	for range min(64, len(d.Body)) {
		b := bytes.Clone(d.Body)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		out = append(out, withBody(*d, b))
	}
	for _, text := range []string{
		"\x00", "\xff\xfe", "\"\xc3\x28\"", "\xef\xbb\xbf" + string(d.Body), string(d.Body) + string(d.Body),
		"null", "[]", "{}", "[{}]", `"\ud800"`, "%", "a=%zz",
	} {
		out = append(out, withBody(*d, []byte(text)))
	}
	twice := *d
	twice.Headers = append(append([]sdk.HeaderField(nil), d.Headers...), d.Headers...)
	for i := range twice.Headers[:len(d.Headers)] {
		twice.Headers[i].Value = "\xffother"
	}
	return append(out, twice, withoutHeaders(*d), withURL(*d, "https://example.com/%zz?%zz=\u00ff"), withURL(*d, ""))
}

// hugeMutants returns requests like d with bodies of 1 MiB that mean nothing.
func hugeMutants(d *sdk.Delivery) []sdk.Delivery {
	var out []sdk.Delivery
	for _, unit := range []string{"a", "[", "{\"a\":", "%", "&", "=", "\xff", "\x00", "[{},", "\"", "1", "[["} {
		out = append(out, withBody(*d, bytes.Repeat([]byte(unit), (1<<20)/len(unit))))
	}
	return out
}

func withoutHeaders(d sdk.Delivery) sdk.Delivery {
	d.Headers = nil
	return d
}

func withURL(d sdk.Delivery, url string) sdk.Delivery {
	d.URL = url
	return d
}

// cancel checks that a caller who gave up is not held, and harms nothing.
func (s *Source) cancel(ctx context.Context, r Reporter, g *group) {
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.parse(gone, []sdk.Delivery{g.cases[0].Delivery}); err == nil {
		r.Errorf("Parse with a cancelled context reports no error")
	}
	s.parsed(ctx, r, []sdk.Delivery{g.cases[0].Delivery})
}
