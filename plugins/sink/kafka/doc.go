// Command kafka is the plugin that serves the sink type "kafka": it writes each
// event as one record of a topic, as canonical JSON with CloudEvents headers.
//
// # Guarantees
//
// At least once (I4): an event is done when all in-sync replicas have it. What a
// lost answer left open is reported as unknown, sent again, and so may be in
// the topic twice; the header pb_event_id tells. Order (I5): a batch is divided
// by partition, each partition has one request in flight, and after an event
// that is not done nothing later of its partition or of its message is sent.
// When Write returns nothing of its batch is on its way any more.
//
// # Decision: kafka.Client over a transport of our own
//
// The client library's Writer batches a second time without bound, goes on
// delivering after it reported an error, and blocks Close during an outage. So
// requests go through kafka.Client. Its default Transport in turn hides what this
// sink must know: whether any byte of a request was written before the error
// (the difference between retry and possible duplicate), and it finishes
// cancelled requests in the background and refreshes metadata only by its own
// timer. transport.go keeps one request at a time on each connection, on the
// caller's goroutine.
//
// What is lost: several requests in flight on one connection. At most maxInFlight
// connections are open at once, and a batch rarely touches more partitions.
//
// Failure modes: a broker that stops answering costs each Write up to the
// configured timeout; its partitions' events are unknown or retried, the others
// go on. Metadata is fetched again after any sign that it is stale, and every
// five minutes to see added partitions.
package main
