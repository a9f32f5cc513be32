package table

import "github.com/patchbay-io/patchbay/sdk"

// Kind says what a column holds; an engine maps it to one of its types.
type Kind uint8

// The kinds.
const (
	ID      Kind = iota // 16 bytes
	Time                // microseconds since 1970, UTC
	Int                 // 64 bits, signed
	Flag                // 0 or 1
	Text                // UTF-8 without U+0000; absent when the provider did not say
	JSON                // JSON text
	Payload             // the provider's bytes: text where they are text, else binary
	Binary              // bytes
)

// Column is one column of a table.
type Column struct {
	Name     string
	Kind     Kind
	Required bool
	Doc      string
}

// Table is a table's name, columns in order and unique keys.
type Table struct {
	Name    string
	Doc     string
	Columns []Column
	Primary string     // the integer column that numbers the rows
	Unique  [][]string // each a list of columns
}

// The names of the tables.
const (
	EventsName = "pb_events"
	StateName  = "pb_message_state"
	LoadsName  = "pb_load_log"
	SchemaName = "pb_schema"
)

// Fact is a column of pb_events that is filled from the event. Exactly one of
// Text and Int is set where the kind is one that they fit; the columns of kind
// ID, JSON and Payload are fields of Row.
type Fact struct {
	Column
	Text func(*Row) string
	Int  func(*Row) int64
}

// Facts lists the canonical columns of pb_events in order. Columns that change
// in every row stand first, so that a reader of one column reads few bytes.
func Facts() []Fact {
	text := func(name, doc string, f func(*Row) string) Fact {
		return Fact{Column: Column{Name: name, Kind: Text, Doc: doc}, Text: f}
	}
	must := func(f Fact) Fact { f.Required = true; return f }
	num := func(name string, kind Kind, doc string, f func(*Row) int64) Fact {
		return Fact{Column: Column{Name: name, Kind: kind, Required: true, Doc: doc}, Int: f}
	}
	return []Fact{
		{Column: Column{Name: "event_id", Kind: ID, Required: true, Doc: "identifies the event on any machine"}},
		num("event_timestamp", Time, "when it happened, by the provider's clock", func(r *Row) int64 { return r.Time }),
		num("received_at", Time, "when patchbay received it", func(r *Row) int64 { return r.ReceivedAt }),
		must(text("event_type", "what happened; unmapped where no mapping knows the provider's word", func(r *Row) string { return r.Type.String() })),
		text("delivery_status", "the state that this event alone asserts", func(r *Row) string { return r.Event.DeliveryStatus.String() }),
		text("channel", "sms, email, push or chatbot", func(r *Row) string { return r.Event.Channel.String() }),
		text("direction", "outbound or inbound", func(r *Row) string { return r.Event.Direction.String() }),
		must(text("provider", "the source's type", func(r *Row) string { return r.Event.Provider })),
		must(text("source", "the source's address in the configuration", func(r *Row) string { return r.Event.Source })),
		text("account", "the provider's account", func(r *Row) string { return r.Event.Account }),
		text("message_id", "the provider's id of the message", func(r *Row) string { return r.Event.MessageID }),
		text("conversation_id", "which exchange", func(r *Row) string { return r.Event.ConversationID }),
		text("customer_id", "whose message", func(r *Row) string { return r.Event.CustomerID }),
		text("campaign_id", "what was sent", func(r *Row) string { return r.Event.CampaignID }),
		text("recipient", "to whom; E.164 for phones", func(r *Row) string { return r.Event.Recipient }),
		text("sender", "from whom", func(r *Row) string { return r.Event.Sender }),
		text("provider_status", "the provider's own word, as sent", func(r *Row) string { return r.Event.ProviderStatus }),
		text("status_code", "the provider's own code, as sent", func(r *Row) string { return r.Event.StatusCode }),
		text("error_reason", "why it did not go through", func(r *Row) string { return r.Event.ErrorReason }),
		num("raw_offset", Int, "the request's offset in the source's raw log", func(r *Row) int64 { return int64(r.Event.RawOffset) }),
		num("raw_index", Int, "the event's place in the request, from 0", func(r *Row) int64 { return int64(r.Event.RawIndex) }),
		{Column: Column{Name: "attributes", Kind: JSON, Doc: "the event's extras, an object of strings"}},
		{Column: Column{Name: "_pb_meta", Kind: JSON, Doc: "changes made to store the row, a list of {field, change}"}},
		{Column: Column{Name: "source_payload", Kind: Payload, Doc: "the provider's own bytes for this event"}},
	}
}

// Columns of pb_events that the loader fills.
const (
	EventLoad    = "_pb_load"    // the row of pb_load_log that wrote it
	EventMessage = "_pb_message" // the row of pb_message_state it is folded into
)

// Mapped lists the columns that a mapping table decides. They are corrected in
// place when an event that no mapping knew arrives again with a type.
func Mapped() []string {
	return []string{"event_type", "delivery_status", "error_reason", "attributes"}
}

// Events is the table of facts.
func Events() Table {
	t := Table{
		Name: EventsName, Doc: "one row an event", Unique: [][]string{{"event_id"}},
		Columns: []Column{
			{Name: EventLoad, Kind: Int, Required: true, Doc: "the load that wrote or corrected the row"},
			{Name: EventMessage, Kind: Int, Doc: "the message it belongs to; absent where it names none"},
		},
	}
	facts := Facts()
	cols := make([]Column, len(facts))
	for i, f := range facts {
		cols[i] = f.Column
	}
	// The payload stays last: a reader of any other column then skips none of it.
	last := len(cols) - 1
	t.Columns = append(append(cols[:last:last], t.Columns...), cols[last])
	return t
}

// Loads is the log of committed writes.
func Loads() Table {
	return Table{
		Name: LoadsName, Doc: "one row a committed write", Primary: "load_no",
		Columns: []Column{
			{Name: "batch_id", Kind: Text, Doc: "core's name of the batch: the same when it is sent again"},
			{Name: "pipeline", Kind: Text, Doc: "the pipeline it came through"},
			{Name: "rows_in", Kind: Int, Required: true, Doc: "events in the batch: written + corrected + duplicate + rejected"},
			{Name: "written", Kind: Int, Required: true, Doc: "new rows of pb_events"},
			{Name: "corrected", Kind: Int, Required: true, Doc: "unmapped rows that got their type"},
			{Name: "duplicate", Kind: Int, Required: true, Doc: "events that were there already"},
			{Name: "rejected", Kind: Int, Required: true, Doc: "events that the database refused"},
			{Name: "min_event_timestamp", Kind: Time, Doc: "earliest of the rows written"},
			{Name: "max_event_timestamp", Kind: Time, Doc: "latest of the rows written"},
			{Name: "loaded_at", Kind: Time, Required: true, Doc: "by this machine's clock"},
		},
	}
}

// Schema is the record of the tables' versions.
func Schema() Table {
	return Table{
		Name: SchemaName, Doc: "one row a version of these tables", Primary: "version",
		Columns: []Column{{Name: "applied_at", Kind: Time, Required: true, Doc: "by this machine's clock"}},
	}
}

// storedType is the type that a fact stores: what nothing has mapped yet is
// unmapped, whether a mapping looked at it or the pipeline has none.
func storedType(t sdk.EventType) sdk.EventType {
	if t == sdk.Unspecified {
		return sdk.Unmapped
	}
	return t
}
