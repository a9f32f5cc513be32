package sqlite

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"
	"zombiezen.com/go/sqlite"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(envCrashFile); path != "" {
		writeUntilKilled(path)
	}
	goleak.VerifyTestMain(m)
}

// digest makes an id of a name, as core makes them of identities.
func digest(name string) sdk.ID {
	sum := sha256.Sum256([]byte(name))
	return sdk.ID(sum[:16])
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func clock() time.Time { return noon }

// event is an event of a message, at a number of seconds after noon.
func event(name, message string, typ sdk.EventType, at int) sdk.Event {
	return sdk.Event{
		ID: digest(name), MessageID: message, Recipient: "+358401234567", Sender: "+358407654321", Account: "AC1",
		Channel: sdk.SMS, Direction: sdk.Outbound, Type: typ, DeliveryStatus: typ.Asserts(),
		Time: noon.Add(time.Duration(at) * time.Second), ReceivedAt: noon.Add(time.Duration(at+1) * time.Second),
		Provider: "twilio", Source: "twilio.support", ProviderStatus: typ.String(), RawOffset: 7, SourcePayload: []byte(`{"a":1}`),
	}
}

// rig is a sink behind gRPC, as core sees it, and a reader beside it.
type rig struct {
	t      *testing.T
	path   string
	sink   *Sink
	client *sdk.Client
}

func newRig(t *testing.T, change ...func(*Sink)) *rig {
	t.Helper()
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "events.db"), sink: New(clock)}
	for _, c := range change {
		c(r.sink)
	}
	conn, err := sdktest.Connect(sdk.SinkType(r.sink))
	if err != nil {
		t.Fatal(err)
	}
	r.client = conn.Client
	t.Cleanup(func() {
		if err := errors.Join(r.client.CloseSink(context.Background()), conn.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func openRig(t *testing.T, change ...func(*Sink)) *rig {
	t.Helper()
	r := newRig(t, change...)
	if ds, err := r.open(); err != nil || len(ds) > 0 {
		t.Fatalf("open: %v %v", ds, err)
	}
	return r
}

// open opens the sink and returns the diagnostics' texts and the failure.
func (r *rig) open() ([]string, error) {
	resp, err := r.client.OpenSink(r.t.Context(), &wire.ConfigureRequest{
		Type: "sqlite", ConfigJson: fmt.Appendf(nil, `{"path": %q, "busy_timeout": "50ms"}`, r.path),
	})
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, d := range resp.Diagnostics {
		texts = append(texts, d.Path+": "+d.Summary)
	}
	return texts, sdk.OpenFailure(resp)
}

func (r *rig) send(batch string, events ...sdk.Event) ([]sdk.Outcome, error) {
	parts := make([][]byte, 0, len(events))
	for i := range events {
		p := protowire.AppendTag(nil, 1, protowire.BytesType)
		parts = append(parts, protowire.AppendBytes(p, events[i].AppendWire(nil)))
	}
	return r.client.Write(r.t.Context(), parts, len(events), batch, "messaging")
}

var kinds = map[sdk.OutcomeKind]string{
	sdk.OutcomeDone: "done", sdk.OutcomeDuplicate: "duplicate", sdk.OutcomeRetry: "retry", sdk.OutcomeUnknown: "unknown", sdk.OutcomeRejected: "rejected",
}

// write sends a batch and checks the outcomes' words.
func (r *rig) write(want string, events ...sdk.Event) {
	r.t.Helper()
	out, err := r.send("batch", events...)
	if err != nil {
		r.t.Fatalf("write: %v", err)
	}
	var got []string
	for _, o := range out {
		word := kinds[o.Kind]
		if o.Code != "" {
			word += ":" + o.Code
		}
		got = append(got, word)
	}
	if g := strings.Join(got, " "); g != want {
		r.t.Errorf("outcomes: got %q, want %q", g, want)
	}
}

// query reads through a connection of its own, which sees only what is
// committed. Columns are joined by '|', rows are lines; NULL is '-'.
func (r *rig) query(q string) string {
	r.t.Helper()
	return read(r.t, r.path, q)
}

func read(t *testing.T, path, q string) string {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b, err := newBinder(conn, q)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	err = b.each(func(row *sqlite.Stmt) {
		var cols []string
		for i := range row.ColumnCount() {
			switch {
			case row.ColumnIsNull(i):
				cols = append(cols, "-")
			default:
				cols = append(cols, row.ColumnText(i))
			}
		}
		rows = append(rows, strings.Join(cols, "|"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(rows, "\n")
}

func (r *rig) want(q, want string) {
	r.t.Helper()
	if got := r.query(q); got != want {
		r.t.Errorf("%s:\n got %s\nwant %s", q, got, want)
	}
}

func TestFactKeepsEveryField(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	e := event("a", "SM1", sdk.Bounced, 0)
	e.ConversationID, e.CustomerID, e.CampaignID, e.StatusCode, e.ErrorReason = "CH1", "c-1", "spring", "30005", "unknown \"handset\"\n"
	e.RawIndex = 3
	e.Attributes = sdk.Attributes{{Name: "region", Value: "Åland"}, {Name: "q", Value: "a\"b\\c\x01\t"}}
	r.write("done", e)
	r.want(`SELECT lower(hex(event_id)), event_timestamp, received_at, event_type, delivery_status, channel, direction, provider, source,
		account, message_id, conversation_id, customer_id, campaign_id, recipient, sender, provider_status, status_code, error_reason,
		raw_offset, raw_index, attributes ->> '$.region', attributes ->> '$.q', _pb_meta, source_payload ->> '$.a' FROM pb_events`,
		digest("a").String()+"|1772366400123456|1772366401123456|bounced|bounced|sms|outbound|twilio|twilio.support|"+
			"AC1|SM1|CH1|c-1|spring|+358401234567|+358407654321|bounced|30005|unknown \"handset\"\n|"+
			"7|3|Åland|a\"b\\c\x01\t|-|1")
	r.want("SELECT event_id, event_timestamp, raw_ref, batch_id, loaded_at FROM v_events",
		digest("a").String()+"|2026-03-01T12:00:00.123456Z|twilio.support/7/3|batch|2026-03-01T12:00:00.123456Z")
	r.want("SELECT message_id, delivery_status, status_at, error_reason, status_code FROM v_messages",
		"SM1|bounced|2026-03-01T12:00:00.123456Z|unknown \"handset\"\n|30005")
	r.want("SELECT event_timestamp, event_type FROM v_journey WHERE message_id = 'SM1'", "2026-03-01T12:00:00.123456Z|bounced")
}

func TestFactOfNothing(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	r.write("done", sdk.Event{ID: digest("empty"), ReceivedAt: noon})
	r.want("SELECT event_timestamp = received_at, event_type, delivery_status, channel, message_id, attributes, source_payload, provider, _pb_message FROM pb_events",
		"1|unmapped|-|-|-|-|-||-")
	r.want("SELECT count(*) FROM pb_message_state", "0")
}

func TestTextThatEnginesRefuse(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	e := event("a", "SM\x001", sdk.Sent, 0)
	e.ErrorReason = "a\x00b\xffc"
	e.Attributes = sdk.Attributes{{Name: "text", Value: "x\x00y"}}
	e.SourcePayload = []byte("text\x00with a zero")
	plainPayload := event("b", "SM2", sdk.Sent, 0)
	plainPayload.SourcePayload = []byte("å")
	binary := event("c", "SM3", sdk.Sent, 0)
	binary.SourcePayload = []byte{0xff, 0xfe}
	r.write("done done done", e, plainPayload, binary)
	r.want("SELECT message_id, error_reason, attributes ->> '$.text', _pb_meta FROM pb_events WHERE rowid = 1",
		"SM\ufffd1|a\ufffdb\ufffdc|x\ufffdy|"+`[{"field":"message_id","change":"nul_replaced"},{"field":"error_reason","change":"invalid_utf8_replaced"},`+
			`{"field":"error_reason","change":"nul_replaced"},{"field":"attributes","change":"nul_replaced"}]`)
	// The payload is the provider's bytes, whatever they are.
	r.want("SELECT typeof(source_payload), hex(source_payload) FROM pb_events ORDER BY rowid",
		fmt.Sprintf("blob|%X\ntext|C3A5\nblob|FFFE", "text\x00with a zero"))
	r.want("SELECT message_id FROM pb_message_state ORDER BY 1", "SM2\nSM3\nSM\ufffd1")
}

// I4: a repeated event has no second effect, neither on facts nor on counts.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	a, b := event("a", "SM1", sdk.Opened, 1), event("b", "SM1", sdk.Delivered, 2)
	r.write("done duplicate done", a, a, b)
	r.write("duplicate done duplicate", b, event("c", "SM1", sdk.Opened, 3), a)
	r.want("SELECT count(*), count(DISTINCT event_id) FROM pb_events", "3|3")
	r.want("SELECT events, opens, delivery_status FROM pb_message_state", "3|2|delivered")
	r.want("SELECT batch_id, pipeline, rows_in, written, corrected, duplicate, rejected, max_event_timestamp - min_event_timestamp FROM pb_load_log",
		"batch|messaging|3|2|0|1|0|1000000\nbatch|messaging|3|1|0|2|0|0")
}

func TestMessagesAreToldApart(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	base := event("a", "1", sdk.Sent, 0)
	otherRecipient, otherAccount, otherProvider := event("b", "1", sdk.Sent, 0), event("c", "1", sdk.Sent, 0), event("d", "1", sdk.Sent, 0)
	otherRecipient.Recipient, otherAccount.Account, otherProvider.Provider = "+1", "AC2", "vonage"
	// Two bots whose provider numbers messages from 1 and names no account.
	bot1, bot2 := event("e", "1", sdk.Sent, 0), event("f", "1", sdk.Sent, 0)
	bot1.Account, bot1.Source, bot2.Account, bot2.Source = "", "telegram.a", "", "telegram.b"
	r.write("done done done done done done", base, otherRecipient, otherAccount, otherProvider, bot1, bot2)
	r.want("SELECT count(*), max(events) FROM pb_message_state", "6|1")
	r.write("done", event("g", "1", sdk.Delivered, 1))
	r.want("SELECT count(*), max(events), sum(delivery_status = 'delivered') FROM pb_message_state", "6|2|1")
}

func TestIdentityDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	var got []string
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		r := openRig(t)
		events := []sdk.Event{event("a", "SM1", sdk.Sent, 0), event("b", "SM1", sdk.Sent, 1), event("c", "SM1", sdk.Sent, 2)}
		events[0].CampaignID, events[1].CampaignID, events[1].CustomerID = "spring", "autumn", "c-1"
		for _, i := range order {
			r.write("done", events[i])
		}
		got = append(got, r.query("SELECT campaign_id, customer_id, conversation_id FROM pb_message_state"))
	}
	if want := []string{"spring|c-1|-", "spring|c-1|-", "spring|c-1|-"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An event that no mapping knew gets its type in place when it comes again, and
// the state of its message is as if it had always had it.
func TestCorrectionInPlace(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	unknown := event("a", "SM1", sdk.Unmapped, 5)
	unknown.ProviderStatus, unknown.DeliveryStatus = "partially_delivered", sdk.NoStatus
	r.write("done done", unknown, event("b", "SM1", sdk.Sent, 1))
	r.want("SELECT events, delivery_status FROM pb_message_state", "2|sent")
	r.write("duplicate", unknown)

	known := unknown
	known.Type, known.DeliveryStatus, known.ErrorReason = sdk.Delivered, sdk.StatusDelivered, "part"
	known.Attributes = sdk.Attributes{{Name: "partial", Value: "true"}}
	r.write("done duplicate done", known, known, event("c", "SM1", sdk.Opened, 6))
	r.want("SELECT event_type, delivery_status, error_reason, attributes, provider_status, _pb_load FROM pb_events WHERE rowid = 1",
		`delivered|delivered|part|{"partial":"true"}|partially_delivered|3`)
	r.want("SELECT events, delivery_status, opens, delivered_at - sent_at FROM pb_message_state", "3|delivered|1|4000000")
	r.want("SELECT written, corrected, duplicate FROM pb_load_log WHERE load_no = 3", "1|1|1")

	// What has a type keeps it.
	other := unknown
	other.Type, other.DeliveryStatus = sdk.Failed, sdk.StatusFailed
	r.write("duplicate duplicate", unknown, other)
	r.want("SELECT event_type FROM pb_events WHERE rowid = 1", "delivered")
}

// The message that is folded again is the one that the stored row belongs to.
func TestCorrectionOfAnEventWhoseRecipientChanged(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	unknown := event("a", "SM1", sdk.Unspecified, 5)
	r.write("done", unknown)
	known := event("a", "SM1", sdk.Delivered, 5)
	known.Recipient = "tok_1"
	r.write("done", known)
	r.want("SELECT recipient, delivery_status FROM pb_message_state", "+358401234567|delivered")
}

func TestDamagedFoldIsMadeAgain(t *testing.T) {
	t.Parallel()
	r := openRig(t)
	r.write("done done", event("a", "SM1", sdk.Sent, 1), event("b", "SM1", sdk.Opened, 2))
	if err := execute(r.sink.db.conn, "UPDATE pb_message_state SET _pb_fold = x'00', opens = 77"); err != nil {
		t.Fatal(err)
	}
	r.write("done", event("c", "SM1", sdk.Delivered, 3))
	r.want("SELECT events, opens, delivery_status FROM pb_message_state", "3|1|delivered")
}
