// Package sendgrid turns the requests of SendGrid's Event Webhook into events.
//
// A request is a JSON array of events of many messages, sent every 30 seconds
// or at 768 KB. It is acknowledged as a whole, so each event stands for itself:
// what cannot be understood becomes a dead letter, and its neighbours count.
//
// What comes of an event:
//   - Its word ("event"), code ("status") and reason ("reason", else
//     "response") stay as sent. The mapping table in configs says what they
//     mean. Two things are no words and are decided here: the class of a bounce
//     that was blocked, and the group of an opt-out.
//   - Its identity is sg_event_id with the word and the address, because
//     SendGrid's own samples use one sg_event_id for all their events. Its
//     second identity is the fact itself, message, address, word, second and
//     link, by which SendGrid's history knows it (I8).
//   - The campaign is campaign_id if the sender passes one, or else the Single
//     Send, the marketing campaign, the first category.
//   - Every other member becomes an attribute under its own name, the sender's
//     custom arguments included. A value that is no text keeps its JSON text.
//     A name with a fixed meaning, such as machine, cannot be set that way: the
//     attribute is then custom_machine.
//
// Context: one core must read 30,000 events a second and still have most of its
// time left. Decision: one scan of a copy of the body, of which every string is
// a part; what must be joined is written into one text shared by the request's
// events. An event costs some 2 µs and a tenth of an allocation. Lost:
// encoding/json into maps, which takes some 5 times as long for the decoding
// alone and is blind to duplicate keys. Failure mode: an event kept by itself
// keeps its whole request in memory; core takes copies over the wire.
package sendgrid
