package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/segmentio/kafka-go"
)

// kind is what became of an event.
type kind uint8

const (
	held    kind = iota // not sent
	done                // acknowledged by all in-sync replicas
	retry               // refused without effect
	unknown             // may be in the log
	reject              // will never be accepted
	isolate             // one of the batch's records is at fault; which, the broker didn't say
)

// verdict is the meaning of an answer, or of its absence.
type verdict struct {
	kind kind
	// class is set if the cause concerns the destination rather than the events.
	class sdk.FailureClass
	code  string
	err   error
	wait  time.Duration // what the broker asked for
	// stale asks for fresh metadata before the next attempt.
	stale bool
}

// errorTable says what each error of a produce request means. Errors that are
// not in it are unknown: to call a written record unwritten would hide a
// possible duplicate.
var errorTable = map[kafka.Error]verdict{
	// Someone else leads the partition, or nobody does.
	kafka.UnknownTopicOrPartition: {kind: retry, stale: true}, // metadata will tell if the topic is gone
	kafka.LeaderNotAvailable:      {kind: retry, stale: true},
	kafka.NotLeaderForPartition:   {kind: retry, stale: true},
	kafka.BrokerNotAvailable:      {kind: retry, stale: true},
	kafka.ReplicaNotAvailable:     {kind: retry, stale: true},
	kafka.ListenerNotFound:        {kind: retry, stale: true},
	kafka.FencedLeaderEpoch:       {kind: retry, stale: true},
	kafka.UnknownLeaderEpoch:      {kind: retry, stale: true},
	kafka.UnknownTopicID:          {kind: retry, stale: true},
	kafka.InconsistentTopicID:     {kind: retry, stale: true},

	// Refused before the append.
	kafka.InvalidMessage:          {kind: retry}, // damaged on the way: the checksum did not match
	kafka.NotEnoughReplicas:       {kind: retry},
	kafka.ThrottlingQuotaExceeded: {kind: retry, class: sdk.Throttled},

	// After the append, or nobody knows.
	kafka.RequestTimedOut:              {kind: unknown},
	kafka.NetworkException:             {kind: unknown, stale: true},
	kafka.NotEnoughReplicasAfterAppend: {kind: unknown},
	kafka.KafkaStorageError:            {kind: unknown, stale: true},

	// About a record.
	kafka.MessageSizeTooLarge: {kind: isolate, code: codeTooLarge},
	kafka.RecordListTooLarge:  {kind: isolate, code: codeTooLarge},
	kafka.InvalidTimestamp:    {kind: isolate, code: "invalid_timestamp"},
	kafka.InvalidRecord:       {kind: isolate, code: "invalid_record"},

	// A person must act.
	kafka.InvalidTopic:                {kind: retry, class: sdk.Misconfigured},
	kafka.InvalidRequiredAcks:         {kind: retry, class: sdk.Misconfigured},
	kafka.TopicAuthorizationFailed:    {kind: retry, class: sdk.Misconfigured},
	kafka.ClusterAuthorizationFailed:  {kind: retry, class: sdk.Misconfigured},
	kafka.UnsupportedSASLMechanism:    {kind: retry, class: sdk.Misconfigured},
	kafka.UnsupportedVersion:          {kind: retry, class: sdk.Misconfigured},
	kafka.InvalidRequest:              {kind: retry, class: sdk.Misconfigured},
	kafka.UnsupportedForMessageFormat: {kind: retry, class: sdk.Misconfigured},
	kafka.PolicyViolation:             {kind: retry, class: sdk.Misconfigured},
	kafka.UnsupportedCompressionType:  {kind: retry, class: sdk.Misconfigured},
	kafka.InvalidPartitionNumber:      {kind: retry, class: sdk.Misconfigured},
	kafka.InvalidReplicationFactor:    {kind: retry, class: sdk.Misconfigured},
	kafka.InvalidConfiguration:        {kind: retry, class: sdk.Misconfigured},
	kafka.IllegalSASLState:            {kind: retry, class: sdk.AuthFailed},
	kafka.SASLAuthenticationFailed:    {kind: retry, class: sdk.AuthFailed},
}

const codeTooLarge = "message_too_large"

// classify says what err, of an exchange or in an answer, means. nil is done.
func classify(err error) verdict {
	if err == nil {
		return verdict{kind: done}
	}
	v := verdict{kind: unknown, stale: true}
	var (
		notSent *notSentError
		auth    *authError
		code    kafka.Error
	)
	coded := errors.As(err, &code)
	switch {
	case errors.Is(err, errNoTopic):
		v = verdict{kind: retry, class: sdk.Misconfigured, code: "unknown_topic", stale: true}
	case errors.As(err, &auth):
		v = verdict{kind: retry, class: sdk.AuthFailed, code: "sasl_authentication_failed"}
	case errors.As(err, &notSent) && untrusted(err):
		v = verdict{kind: retry, class: sdk.Misconfigured, code: "tls"}
	case coded:
		if known, ok := errorTable[code]; ok {
			v = known
		}
		if v.code == "" {
			v.code = codeName(code)
		}
	case errors.Is(err, context.Canceled):
		v.code = "canceled"
	case timedOut(err):
		v.code = "timeout"
	default:
		v.code = "connection"
	}
	// Nothing was sent, so nothing can be in the log.
	if errors.As(err, &notSent) && (v.kind == unknown || v.kind == isolate) {
		v.kind = retry
	}
	v.err = err
	return v
}

// untrusted reports whether the two sides could not agree on a TLS connection:
// waiting does not mend a certificate.
func untrusted(err error) bool {
	var (
		verify *tls.CertificateVerificationError
		host   x509.HostnameError
		record tls.RecordHeaderError
		op     *net.OpError
	)
	return errors.As(err, &verify) || errors.As(err, &host) || errors.As(err, &record) ||
		errors.As(err, &op) && op.Op == "remote error" // how crypto/tls reports an alert, e.g. a refused client certificate
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// codeName turns "Not Leader For Partition" into not_leader_for_partition.
func codeName(e kafka.Error) string {
	title := e.Title()
	if title == "" { // the library has no words for it
		return "kafka_error_" + strconv.Itoa(int(e))
	}
	return strings.ReplaceAll(strings.ToLower(title), " ", "_")
}
