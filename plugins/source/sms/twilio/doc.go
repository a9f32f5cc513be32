// Package twilio is the source type twilio: status callbacks, inbound messages
// and Event Streams of Twilio Messaging.
//
// A request is one of
//
//   - a form (POST) or the same as a query (GET): a status callback of a message
//     we sent, or a message that a customer sent us;
//   - JSON: one CloudEvent of Event Streams, or an array of them.
//
// What identifies an event is the tuple (account, message, recipient, word,
// code), the word in lower case. Status callbacks carry neither an event id nor
// a time, Event Streams carry both, and rows of the Messages list carry neither:
// made from what all three share, the identity of a fact is the same on each of
// these ways (I8), and an account that uses two at once counts once. The
// CloudEvent's id is a further identity. RawDlrDoneDate stays out of it, because
// only some of the ways carry it.
//
// Two callbacks with the same word and code of one message are one fact; Twilio
// gives nothing to tell them apart, and a state needs no more.
//
// WhatsApp and Messenger travel on the same webhooks. They are recognised by the
// prefix of their addresses, belong to the channel chatbot, and lose the prefix:
// the attribute network has it. RCS, which falls back to SMS within one message,
// stays sms.
//
// An inbound message with OptOutType is two events: the message, and the
// consent. Direction says who the customer is: the sender of an inbound event,
// the recipient of an outbound one.
//
// Parameters that a sender adds to the StatusCallback URL are signed with it.
// They become attributes tag_NAME, and so do the tags of Event Streams;
// campaign_id and customer_id become the fields. Where nobody names a campaign
// the Messaging Service stands for it (attribute campaign_source).
//
// The package does not verify signatures, which it describes for core, and maps
// no status: configs/mapping/twilio.csv does.
package twilio
