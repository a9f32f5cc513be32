package table

import "github.com/patchbay-io/patchbay/plugins/sink/warehouse/fold"

// Verdict is a column of pb_message_state that is computed from the fold's
// result: exactly one of Text, Int and ID is set. Int's second result is false
// where the value is absent.
type Verdict struct {
	Column
	Text func(*fold.Result) string
	Int  func(*fold.Result) (int64, bool)
	ID   func(*fold.Result) []byte
}

// Columns of pb_message_state that are not computed.
const (
	StateMessage = "message_no" // numbers the rows
	StateFold    = "_pb_fold"   // the encoded fold.State that the verdict comes from
)

// MessageKey lists the columns that identify a message to one recipient. The
// loader keeps it unique: it looks for the message and adds it under one lock.
func MessageKey() []string { return []string{"message_id", "recipient", "provider", "account"} }

// MessageLookup lists the part of MessageKey that is worth an index: provider
// and account are the same in most rows. message_id leads, so that people find
// a message by it alone; the recipient keeps a broadcast under one id apart.
func MessageLookup() []string { return MessageKey()[:2] }

// MessageIdentity lists the columns that say whose message it is. Where the
// events of a message disagree, the greatest value stands: a choice that does
// not depend on the order of arrival.
func MessageIdentity() []string {
	return []string{"conversation_id", "customer_id", "campaign_id", "sender"}
}

// Verdicts lists the computed columns of pb_message_state in order.
func Verdicts() []Verdict {
	num := func(name, doc string, f func(*fold.Result) int64) Verdict {
		return Verdict{Column: Column{Name: name, Kind: Int, Required: true, Doc: doc},
			Int: func(r *fold.Result) (int64, bool) { return f(r), true }}
	}
	flag := func(name, doc string, f func(*fold.Result) bool) Verdict {
		v := num(name, doc, func(r *fold.Result) int64 {
			if f(r) {
				return 1
			}
			return 0
		})
		v.Kind = Flag
		return v
	}
	at := func(name, doc string, f func(*fold.Result) fold.Moment) Verdict {
		return Verdict{Column: Column{Name: name, Kind: Time, Doc: doc},
			Int: func(r *fold.Result) (int64, bool) { m := f(r); return m.At, m.Set }}
	}
	text := func(name, doc string, f func(*fold.Result) string) Verdict {
		return Verdict{Column: Column{Name: name, Kind: Text, Doc: doc}, Text: f}
	}
	return []Verdict{
		text("channel", "sms, email, push or chatbot", func(r *fold.Result) string { return r.Channel.String() }),
		text("direction", "outbound or inbound", func(r *fold.Result) string { return r.Direction.String() }),
		text("delivery_status", "how far it got, by the rules of its channel", func(r *fold.Result) string { return r.Status.String() }),
		at("status_at", "when it first had that status", func(r *fold.Result) fold.Moment { return r.StatusAt }),
		{Column: Column{Name: "status_event", Kind: ID, Doc: "the latest event that says so, which has the reason"},
			ID: func(r *fold.Result) []byte {
				if r.StatusEvent.IsZero() {
					return nil
				}
				return r.StatusEvent[:]
			}},
		flag("was_delivered", "an event proved delivery, even if a bounce came after it", func(r *fold.Result) bool { return r.WasDelivered }),
		flag("conflict", "delivered although another event denies it", func(r *fold.Result) bool { return r.Conflict }),
		flag("inferred", "no event says so; an open, click or reply proves it", func(r *fold.Result) bool { return r.Inferred }),
		num("events", "how many events it has", func(r *fold.Result) int64 { return r.Events }),
		at("first_event_at", "its earliest event", func(r *fold.Result) fold.Moment { return r.FirstEvent }),
		at("last_event_at", "its latest event", func(r *fold.Result) fold.Moment { return r.LastEvent }),
		at("queued_at", "first accepted by the provider", func(r *fold.Result) fold.Moment { return r.Queued }),
		at("sent_at", "first handed to the next hop", func(r *fold.Result) fold.Moment { return r.Sent }),
		at("delivered_at", "first confirmed as delivered", func(r *fold.Result) fold.Moment { return r.Delivered }),
		at("read_at", "first read", func(r *fold.Result) fold.Moment { return r.Read }),
		at("failed_at", "first canceled, failed, bounced or suppressed", func(r *fold.Result) fold.Moment { return r.Failed }),
		num("deferrals", "attempts that were put off", func(r *fold.Result) int64 { return r.Deferrals }),
		num("opens", "opens by people", func(r *fold.Result) int64 { return r.Opened.N }),
		at("first_opened_at", "first open by a person", func(r *fold.Result) fold.Moment { return r.Opened.First }),
		num("machine_opens", "opens by programs", func(r *fold.Result) int64 { return r.OpenedMachine.N }),
		at("first_machine_open_at", "first open by a program", func(r *fold.Result) fold.Moment { return r.OpenedMachine.First }),
		num("clicks", "clicks by people", func(r *fold.Result) int64 { return r.Clicked.N }),
		at("first_clicked_at", "first click by a person", func(r *fold.Result) fold.Moment { return r.Clicked.First }),
		num("machine_clicks", "clicks by programs", func(r *fold.Result) int64 { return r.ClickedMachine.N }),
		at("first_machine_click_at", "first click by a program", func(r *fold.Result) fold.Moment { return r.ClickedMachine.First }),
		num("replies", "answers by people", func(r *fold.Result) int64 { return r.Replied.N }),
		at("first_replied_at", "first answer by a person", func(r *fold.Result) fold.Moment { return r.Replied.First }),
		num("conversions", "business goals reached", func(r *fold.Result) int64 { return r.Converted.N }),
		at("first_converted_at", "first business goal reached", func(r *fold.Result) fold.Moment { return r.Converted.First }),
		at("complained_at", "first complaint", func(r *fold.Result) fold.Moment { return r.Complained }),
		at("opted_out_at", "first opt-out through this message", func(r *fold.Result) fold.Moment { return r.OptedOut }),
	}
}

// States is the table of messages.
func States() Table {
	t := Table{
		Name: StateName, Doc: "one row a message and recipient", Primary: StateMessage,
		Columns: []Column{
			{Name: "message_id", Kind: Text, Required: true, Doc: "the provider's id of the message"},
			{Name: "recipient", Kind: Text, Required: true, Doc: "to whom; empty where the provider did not say"},
			{Name: "provider", Kind: Text, Required: true, Doc: "the source's type"},
			{Name: "account", Kind: Text, Required: true, Doc: "the provider's account, or the source where it names none"},
			{Name: "conversation_id", Kind: Text, Doc: "which exchange"},
			{Name: "customer_id", Kind: Text, Doc: "whose message"},
			{Name: "campaign_id", Kind: Text, Doc: "what was sent"},
			{Name: "sender", Kind: Text, Doc: "from whom"},
		},
	}
	for _, v := range Verdicts() {
		t.Columns = append(t.Columns, v.Column)
	}
	t.Columns = append(t.Columns, Column{Name: StateFold, Kind: Binary, Required: true, Doc: "what the verdict is computed from; made from pb_events"})
	return t
}
