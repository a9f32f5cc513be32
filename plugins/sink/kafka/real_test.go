//go:build real

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// These tests run against the broker that .ci/kafka starts; "make test-real"
// does both.

func realEnv(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: run make test-real", name)
	}
	return v
}

// proxyFor stands before a broker that does not know of it.
func proxyFor(t *testing.T, backend string) *proxy {
	t.Helper()
	p := &proxy{t: t, backend: backend, address: "127.0.0.1:0", conns: map[net.Conn]bool{}, release: make(chan struct{})}
	t.Cleanup(func() {
		p.stop()
		p.wg.Wait()
	})
	p.start()
	return p
}

// realBroker is the broker without login, where we may do anything.
func realBroker(t *testing.T) *broker {
	t.Helper()
	seeds := strings.Split(realEnv(t, "PATCHBAY_KAFKA_BROKERS"), ",")
	run := strconv.FormatInt(time.Now().UnixNano(), 36)
	var n atomic.Int64
	fresh := func(*testing.T) string { return fmt.Sprintf("real-%s-%d", run, n.Add(1)) }
	return &broker{seeds: seeds, fresh: fresh, topic: func(t *testing.T, partitions int, settings map[string]string) string {
		t.Helper()
		rt := kmsg.NewCreateTopicsRequestTopic()
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = fresh(t), int32(partitions), 1
		for k, v := range settings {
			c := kmsg.NewCreateTopicsRequestTopicConfig()
			c.Name, c.Value = k, kmsg.StringPtr(v)
			rt.Configs = append(rt.Configs, c)
		}
		req := kmsg.NewPtrCreateTopicsRequest()
		req.Topics = append(req.Topics, rt)
		admin(t, seeds, func(ctx context.Context, cl *kgo.Client) error {
			res, err := req.RequestWith(ctx, cl)
			if err != nil {
				return err
			}
			return kerr.ErrorForCode(res.Topics[0].ErrorCode)
		})
		// Creation is asynchronous: leaders serve a little later.
		admin(t, seeds, func(ctx context.Context, cl *kgo.Client) error {
			eventually(t, "leaders of "+rt.Topic, func() bool {
				ends, err := endOffsets(ctx, cl, rt.Topic)
				return err == nil && len(ends) == partitions
			})
			return nil
		})
		return rt.Topic
	}}
}

func admin(t *testing.T, seeds []string, f func(ctx context.Context, cl *kgo.Client) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(seeds...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := f(ctx, cl); err != nil {
		t.Fatal(err)
	}
}

func TestRealContract(t *testing.T) {
	t.Parallel()
	b := realBroker(t)
	t.Run("real", func(t *testing.T) { testContract(t, b) })
}

// Not parallel, as TestConformance.
func TestRealConformance(t *testing.T) {
	testConformance(t, realBroker(t), nil, nil)
}

func TestRealSASL(t *testing.T) {
	t.Parallel()
	b := realBroker(t)
	a := args{"brokers": strings.Split(realEnv(t, "PATCHBAY_KAFKA_SASL_BROKERS"), ",")}
	user, password := realEnv(t, "PATCHBAY_KAFKA_USER"), realEnv(t, "PATCHBAY_KAFKA_PASSWORD")
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			testSASL(t, with(a, args{"topic": b.topic(t, 2, nil)}), mechanism, user, password, sdk.AuthFailed, "sasl_authentication_failed")
		})
	}
	t.Run("permission missing", func(t *testing.T) {
		t.Parallel()
		topic := b.topic(t, 1, nil)
		acl := kmsg.NewCreateACLsRequestCreation()
		acl.ResourceType, acl.ResourceName, acl.ResourcePatternType = kmsg.ACLResourceTypeTopic, topic, kmsg.ACLResourcePatternTypeLiteral
		acl.Principal, acl.Host = "User:"+user, "*"
		acl.Operation, acl.PermissionType = kmsg.ACLOperationWrite, kmsg.ACLPermissionTypeDeny
		req := kmsg.NewPtrCreateACLsRequest()
		req.Creations = append(req.Creations, acl)
		allow := acl
		allow.Operation, allow.PermissionType = kmsg.ACLOperationDescribe, kmsg.ACLPermissionTypeAllow
		req.Creations = append(req.Creations, allow)
		admin(t, b.seeds, func(ctx context.Context, cl *kgo.Client) error {
			_, err := req.RequestWith(ctx, cl)
			return err
		})
		p := servePlugin(t).mustOpen(with(a, args{"topic": topic, "sasl": args{"mechanism": "scram-sha-512", "username": user, "password": password}}))
		_, err := p.write(events(3))
		wantFailure(t, err, sdk.Misconfigured, "topic_authorization_failed")
	})
}

// F20 against a real log: the broker appends, its answer is lost.
func TestRealConnectionCut(t *testing.T) {
	t.Parallel()
	b := realBroker(t)
	topic := b.topic(t, 1, nil)
	cut := proxyFor(t, b.seeds[0])
	s := newSink(time.Now)
	s.dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, cut.address)
	}
	p := serveSink(t, s).mustOpen(b.args(topic))
	cut.onProduce(cutReply)
	p.mustWrite(events(5), sdk.OutcomeUnknown)
	cut.on(nil)
	p.mustWrite(events(5), sdk.OutcomeDone)
	if got := len(b.dump(t, topic)); got != 10 {
		t.Errorf("got %d records, want 10: the lost answer's and the repeated ones", got)
	}
}

// The broker refuses a batch for one record: that one alone is rejected.
func TestRealInvalidTimestamp(t *testing.T) {
	t.Parallel()
	b := realBroker(t)
	topic := b.topic(t, 1, map[string]string{"message.timestamp.before.max.ms": "3600000"})
	in := events(9)
	for i := range in {
		if i != 5 {
			in[i].Time = time.Now()
			in[i].ReceivedAt = in[i].Time
		}
	}
	out, err := servePlugin(t).mustOpen(b.args(topic)).write(in)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		want := sdk.Outcome{}
		if i == 5 {
			want = sdk.Outcome{Kind: sdk.OutcomeRejected, Code: "invalid_timestamp"}
		}
		if o.Kind != want.Kind || o.Code != want.Code {
			t.Errorf("event %d: got %s %q (%s), want %s %q", i, kindName(o.Kind), o.Code, o.Reason, kindName(want.Kind), want.Code)
		}
	}
	if got := len(b.dump(t, topic)); got != 8 {
		t.Errorf("got %d records, want 8", got)
	}
}

// A quota: the broker answers at once and says how long to wait (KIP-219).
func TestRealQuota(t *testing.T) {
	t.Parallel()
	b := realBroker(t)
	client := "throttled-" + b.fresh(t)
	entity := kmsg.NewAlterClientQuotasRequestEntryEntity()
	entity.Type, entity.Name = "client-id", kmsg.StringPtr(client)
	op := kmsg.NewAlterClientQuotasRequestEntryOp()
	op.Key, op.Value = "producer_byte_rate", 1000
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	entry.Entity, entry.Ops = append(entry.Entity, entity), append(entry.Ops, op)
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.Entries = append(req.Entries, entry)
	admin(t, b.seeds, func(ctx context.Context, cl *kgo.Client) error {
		_, err := req.RequestWith(ctx, cl)
		return err
	})
	p := servePlugin(t).mustOpen(with(b.args(b.topic(t, 1, nil)), args{"client_id": client, "compression": "none"}))
	var err error
	eventually(t, "the quota is enforced", func() bool {
		_, err = p.write(events(200))
		return err != nil
	})
	if f := wantFailure(t, err, sdk.Throttled, "throttled"); f.Wait <= 0 {
		t.Errorf("wait: got %s, want what the broker asked for", f.Wait)
	}
}

// The Java client itself says where 10,000 keys belong.
func TestRealJavaPartitioner(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const seed = 7
	rng := rand.New(rand.NewPCG(seed, seed))
	var in bytes.Buffer
	type question struct {
		key        []byte
		partitions int
	}
	var questions []question
	for i := range 10000 {
		key := make([]byte, 1+rng.IntN(64))
		for j := range key {
			key[j] = byte(rng.Uint32())
		}
		if i%4 == 0 {
			key = []byte(fmt.Sprintf("клиент-%d-é", rng.Uint32()))
		}
		q := question{key, 1 + rng.IntN(500)}
		questions = append(questions, q)
		fmt.Fprintf(&in, "%d %x\n", q.partitions, q.key)
	}
	cmd := exec.CommandContext(ctx, "java", "-cp", realEnv(t, "PATCHBAY_KAFKA_CLASSPATH"), filepath.Join("testdata", "Partitions.java"))
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("java: %v\n%s", err, stderr.Bytes())
	}
	lines := strings.Fields(out.String())
	if len(lines) != len(questions) {
		t.Fatalf("got %d answers, want %d", len(lines), len(questions))
	}
	for i, q := range questions {
		if got := strconv.Itoa(partitionOf(q.key, q.partitions)); got != lines[i] {
			t.Errorf("seed %d, key %x of %d partitions: got %s, Java says %s", seed, q.key, q.partitions, got, lines[i])
		}
	}
}
