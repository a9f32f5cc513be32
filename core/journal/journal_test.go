package journal

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, o Options) *Journal {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Log = zerolog.Nop()
	j, err := Open(o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return j
}

func mustLog(t testing.TB, j *Journal, k Kind, name string) *Log {
	t.Helper()
	l, err := j.Log(k, name)
	if err != nil {
		t.Fatalf("Log: %v", err)
	}
	return l
}

func TestAppendReadReopen(t *testing.T) {
	dir := t.TempDir()
	j := open(t, Options{Dir: dir})
	l := mustLog(t, j, Raw, "twilio.support")
	var wg sync.WaitGroup
	const n = 2000
	seen := make([]string, n)
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			body := fmt.Sprintf("request %d", i)
			off, err := l.Append([]byte(body))
			if err != nil {
				t.Errorf("Append: %v", err)
				return
			}
			seen[off] = body
		}()
	}
	wg.Wait()
	check := func(j *Journal) {
		l := mustLog(t, j, Raw, "twilio.support")
		if l.Tail() != n {
			t.Fatalf("tail: got %d, want %d", l.Tail(), n)
		}
		for from := uint64(0); from < n; {
			es, err := l.Read(from, 300, 1<<20)
			if err != nil || len(es) == 0 {
				t.Fatalf("Read(%d): %d entries, %v", from, len(es), err)
			}
			for _, e := range es {
				if e.Offset != from || string(e.Body) != seen[from] {
					t.Fatalf("offset %d: got %d %q, want %q", from, e.Offset, e.Body, seen[from])
				}
				from++
			}
		}
	}
	check(j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, Options{Dir: dir})
	check(j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkAppend(b *testing.B) {
	j := open(b, Options{})
	l := mustLog(b, j, Raw, "x")
	body := make([]byte, 800)
	b.SetParallelism(128)
	start := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Append(body); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "appends/s")
	j.Close()
}
