package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// fakeCluster is an in-process cluster whose brokers stand behind proxies.
type fakeCluster struct {
	*kfake.Cluster
	broker
	proxies []*proxy
}

func fake(t *testing.T, opts ...kfake.Opt) *fakeCluster {
	t.Helper()
	listen, all := proxies(t)
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.ListenFn(listen)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var n atomic.Int64
	name := func(t *testing.T) string {
		return fmt.Sprintf("%s-%d", strings.NewReplacer("/", ".", " ", "-").Replace(t.Name()), n.Add(1))
	}
	return &fakeCluster{Cluster: c, proxies: *all, broker: broker{
		seeds: c.ListenAddrs(), fresh: name,
		topic: func(t *testing.T, partitions int, settings map[string]string) string {
			t.Helper()
			topic := name(t)
			if err := c.CreateTopic(topic, int32(partitions), settings); err != nil {
				t.Fatalf("create topic %s: %v", topic, err)
			}
			return topic
		},
	}}
}

func TestContract(t *testing.T) {
	t.Parallel()
	c := fake(t)
	t.Run("fake", func(t *testing.T) { testContract(t, &c.broker) })
}
