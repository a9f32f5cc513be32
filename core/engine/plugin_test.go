package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/patchbay-io/patchbay/sdk"
)

// servePlugin serves the types that the reload tests use.
func servePlugin() {
	sdk.Serve("test", "0.0.1", sdk.SourceType(numbers{}), sdk.SourceType(judge{}), sdk.SinkType(&lines{}))
}

// numbers takes requests whose body is a number, and makes an event of each.
type numbers struct{}

type numbersConfig struct {
	Token string `pb:"token,required" doc:"What requests must carry."`
}

func (numbers) Info() sdk.Info {
	return sdk.Info{Name: "numbers", Version: "0.0.1", Summary: "A source to test with.", Channel: sdk.SMS}
}

func (numbers) Configure(_ context.Context, c *numbersConfig) (sdk.Auth, error) {
	if c.Token == "refused" {
		return nil, sdk.Problem("token", "the token is not one of ours", "Take another.")
	}
	if c.Token == "dies" {
		os.Exit(3)
	}
	return sdk.Token{Location: "{header.X-Token}", Values: []string{c.Token}}, nil
}

// Parse fails on everything while there is a file "stuck".
func (numbers) Parse(_ context.Context, in []sdk.Delivery, out *sdk.Batch) error {
	if _, err := os.Stat("stuck"); err == nil {
		return errors.New("stuck")
	}
	for i := range in {
		e := out.Add(i)
		e.MessageID = string(in[i].Body)
		e.ProviderID, e.Recipient = e.MessageID, "+447700900123"
		e.Channel, e.Direction, e.Type = sdk.SMS, sdk.Outbound, sdk.Delivered
	}
	return nil
}

// judge authenticates requests itself. The body says how.
type judge struct{}

func (judge) Info() sdk.Info {
	return sdk.Info{Name: "judge", Version: "0.0.1", Summary: "A source to test with.", Channel: sdk.SMS}
}

func (judge) Configure(context.Context, *struct{}) (sdk.Auth, error) { return sdk.Verified{}, nil }

func (judge) Verify(ctx context.Context, d *sdk.Delivery) bool {
	switch string(d.Body) {
	case "hang":
		select {}
	case "slow":
		<-ctx.Done()
	}
	return string(d.Body) == "good"
}

func (judge) Parse(context.Context, []sdk.Delivery, *sdk.Batch) error { return nil }

// lines appends a line for each event to a file, unless a file beside it says
// that the destination is down.
type lines struct{ f *os.File }

type linesConfig struct {
	Path string `pb:"path,required" doc:"The file."`
	Note string `pb:"note" doc:"Written before each event."`
}

func (*lines) Info() sdk.Info {
	return sdk.Info{Name: "lines", Version: "0.0.1", Summary: "A sink to test with.", Sink: sdk.SinkTraits{Idempotency: sdk.NotIdempotent}}
}

func (*lines) Check(c *linesConfig) error {
	if filepath.Ext(c.Path) == ".exe" {
		return sdk.Problem("path", "that is a program", "Name a text file.")
	}
	return nil
}

func (s *lines) Open(_ context.Context, c *linesConfig) (err error) {
	s.f, err = os.OpenFile(c.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return err
}

func (s *lines) Write(_ context.Context, in []sdk.Event, out *sdk.Results) error {
	if _, err := os.Stat(s.f.Name() + ".down"); err == nil {
		return &sdk.Failure{Class: sdk.Transient, Code: "down", Err: errors.New("the destination is down")}
	}
	var b strings.Builder
	for i := range in {
		fmt.Fprintln(&b, in[i].MessageID)
	}
	_, err := s.f.WriteString(b.String())
	return err
}

func (s *lines) Close(context.Context) error {
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}
