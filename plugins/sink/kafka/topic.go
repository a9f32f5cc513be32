package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// metadataAge is after how long metadata is fetched again although nothing went
// wrong, to see added partitions. It is the Java client's metadata.max.age.ms.
const metadataAge = 5 * time.Minute

// errNoTopic says that the brokers know no such topic.
var errNoTopic = errors.New("the topic does not exist: create it, or add a create_topic block")

// layout says where the topic's partitions are.
type layout struct {
	leaders  []string // by partition: the leader's address, empty if it has none
	brokers  []string // addresses of all brokers
	replicas int      // of the least replicated partition
	fetched  time.Time
}

// refresh makes sure that the layout is current as far as we know.
func (s *sink) refresh(ctx context.Context) error {
	known := !s.stale && len(s.layout.leaders) > 0
	if known && s.now().Sub(s.layout.fetched) < metadataAge {
		return nil
	}
	l, err := s.fetch(ctx)
	if err != nil {
		if known && classify(err).class == "" {
			return nil // only old: the leaders themselves will tell
		}
		return err
	}
	s.layout, s.stale = l, false
	return nil
}

// bootstrap is the configured brokers and those that we learned of, in case the
// configured ones are down.
func (s *sink) bootstrap() net.Addr {
	all := slices.Clone(s.cfg.Brokers)
	for _, b := range s.layout.brokers {
		if !slices.Contains(all, b) {
			all = append(all, b)
		}
	}
	return kafka.TCP(all...)
}

// fetch asks for our topic alone: clusters may hold thousands of others.
func (s *sink) fetch(ctx context.Context) (layout, error) {
	m, err := s.client.Metadata(ctx, &kafka.MetadataRequest{Addr: s.bootstrap(), Topics: []string{s.cfg.Topic}})
	if err != nil {
		return layout{}, fmt.Errorf("metadata: %w", err)
	}
	if len(m.Topics) != 1 {
		return layout{}, fmt.Errorf("metadata: got %d topics, want 1", len(m.Topics))
	}
	t := &m.Topics[0]
	if errors.Is(t.Error, kafka.UnknownTopicOrPartition) {
		return layout{}, fmt.Errorf("topic %q: %w", s.cfg.Topic, errNoTopic)
	}
	if t.Error != nil {
		return layout{}, fmt.Errorf("topic %q: %w", s.cfg.Topic, t.Error)
	}
	l := layout{leaders: make([]string, len(t.Partitions)), fetched: s.now()}
	for _, b := range m.Brokers {
		l.brokers = append(l.brokers, address(b))
	}
	for i, p := range t.Partitions {
		if p.ID < 0 || p.ID >= len(l.leaders) {
			return layout{}, fmt.Errorf("metadata: partition %d of %d", p.ID, len(l.leaders))
		}
		if p.Leader.Host != "" {
			l.leaders[p.ID] = address(p.Leader)
		}
		if i == 0 || len(p.Replicas) < l.replicas {
			l.replicas = len(p.Replicas)
		}
	}
	if len(l.leaders) == 0 {
		return layout{}, fmt.Errorf("topic %q: %w", s.cfg.Topic, kafka.LeaderNotAvailable)
	}
	return l, nil
}

func address(b kafka.Broker) string { return net.JoinHostPort(b.Host, strconv.Itoa(b.Port)) }

// create creates the topic and waits until all of its partitions have leaders:
// creation is asynchronous, and a write would find it missing.
func (s *sink) create(ctx context.Context) error {
	topic := kafka.TopicConfig{Topic: s.cfg.Topic, NumPartitions: -1, ReplicationFactor: -1}
	if n := s.cfg.CreateTopic.Partitions; n > 0 {
		topic.NumPartitions = n
	}
	if n := s.cfg.CreateTopic.ReplicationFactor; n > 0 {
		topic.ReplicationFactor = n
	}
	if r := s.cfg.CreateTopic.Retention; r > 0 {
		topic.ConfigEntries = []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: strconv.FormatInt(r.Milliseconds(), 10)}}
	}
	controller, err := s.controller(ctx)
	if err != nil {
		return err
	}
	res, err := s.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Addr: controller, Topics: []kafka.TopicConfig{topic}})
	if err == nil {
		err = res.Errors[s.cfg.Topic]
	}
	if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) { // another instance may have been faster
		return fmt.Errorf("create topic %q: %w", s.cfg.Topic, err)
	}
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if err = s.refresh(ctx); err == nil && !slices.Contains(s.layout.leaders, "") {
			return nil
		}
		s.stale = true
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("topic %q was created but has no leaders yet: %w", s.cfg.Topic, errors.Join(ctx.Err(), err))
		}
	}
}

func (s *sink) controller(ctx context.Context) (net.Addr, error) {
	m, err := s.client.Metadata(ctx, &kafka.MetadataRequest{Addr: s.bootstrap(), Topics: []string{}})
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	if m.Controller.Host == "" {
		return nil, fmt.Errorf("metadata: %w", kafka.NotController)
	}
	return kafka.TCP(address(m.Controller)), nil
}
