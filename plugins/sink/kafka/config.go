package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Config holds the arguments of a sink "kafka" block.
type Config struct {
	Brokers         []string      `pb:"brokers,required" example:"[\"kafka-1:9092\", \"kafka-2:9092\"]" doc:"Addresses to start from, host:port. The rest of the cluster is discovered."`
	Topic           string        `pb:"topic,required" example:"messaging.events" doc:"The topic to write to."`
	Key             string        `pb:"key" default:"auto" enum:"auto,customer_id,conversation_id,message_id,recipient,event_id" doc:"Which field becomes the record key, and so decides the partition. auto takes the first of customer_id, conversation_id, message_id and event_id that is set; any other choice falls back to event_id."`
	Level           string        `pb:"level" default:"at_least_once" enum:"at_least_once" doc:"The delivery guarantee. A repeated record carries the same pb_event_id header."`
	Format          string        `pb:"format" default:"json" enum:"json" doc:"How the record value is written."`
	Payload         string        `pb:"payload" default:"include" enum:"include,omit" doc:"Whether the value holds source_payload, the provider's own data."`
	Compression     string        `pb:"compression" default:"zstd" enum:"none,gzip,snappy,lz4,zstd" doc:"How record batches are compressed."`
	Timeout         time.Duration `pb:"timeout" default:"10s" min:"0.1" max:"25" doc:"How long one request may take, connecting included. The broker is given half of it to replicate."`
	ClientID        string        `pb:"client_id" default:"patchbay" doc:"The name under which brokers log, meter and limit this client."`
	MaxMessageBytes int           `pb:"max_message_bytes" default:"1048576" min:"1024" max:"104857600" doc:"The largest record batch, in bytes before compression. Keep it at or below the topic's max.message.bytes; an event that alone is larger becomes a dead letter."`
	CreateTopic     *CreateTopic  `pb:"create_topic" doc:"Create the topic if it does not exist. An existing topic is left as it is."`
	SASL            *SASL         `pb:"sasl" doc:"Authentication by user name and password."`
	TLS             *TLS          `pb:"tls" doc:"Encryption. An empty block uses the system's certificate authorities."`
}

// CreateTopic says how a missing topic is created.
type CreateTopic struct {
	Partitions        int           `pb:"partitions" default:"0" min:"0" max:"10000" doc:"Number of partitions; 0 leaves it to the broker. Adding partitions later moves keys to other partitions."`
	ReplicationFactor int           `pb:"replication_factor" default:"0" min:"0" max:"100" doc:"Number of replicas; 0 leaves it to the broker."`
	Retention         time.Duration `pb:"retention" default:"0s" min:"0" doc:"How long records are kept; 0 leaves it to the broker."`
}

// SASL is how the client authenticates.
type SASL struct {
	Mechanism string `pb:"mechanism,required" enum:"plain,scram-sha-256,scram-sha-512" doc:"The SASL mechanism."`
	Username  string `pb:"username,required" doc:"The user."`
	Password  string `pb:"password,required,sensitive" doc:"The user's password."`
}

// TLS is how connections are encrypted.
type TLS struct {
	CAFile             string `pb:"ca_file" doc:"PEM file of the certificate authorities to trust instead of the system's."`
	CertFile           string `pb:"cert_file" doc:"PEM file of the client certificate. It is read again for every connection, so it can be renewed in place."`
	KeyFile            string `pb:"key_file" doc:"PEM file of the client certificate's key."`
	ServerName         string `pb:"server_name" doc:"The name to expect in the brokers' certificates instead of their host names."`
	InsecureSkipVerify bool   `pb:"insecure_skip_verify" default:"false" doc:"For development only: accept any certificate. Anyone on the network path can then read and change the events."`
}

var (
	compressions = map[string]kafka.Compression{
		"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
	}
	// topicName is what brokers accept (org.apache.kafka.common.internals.Topic).
	topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
)

// check finds what the schema cannot: all of it at once, warnings included.
func (c *Config) check() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, sdk.Problem("brokers", "no broker", `Write at least one address, e.g. ["kafka-1:9092"].`))
	}
	for i, b := range c.Brokers {
		if remedy := checkAddress(b); remedy != "" {
			errs = append(errs, sdk.Problem("brokers."+strconv.Itoa(i), "not an address: "+strconv.Quote(b), remedy))
		}
	}
	if !topicName.MatchString(c.Topic) || c.Topic == "." || c.Topic == ".." {
		errs = append(errs, sdk.Problem("topic", "not a topic name: "+strconv.Quote(c.Topic),
			"A topic name has 1 to 249 letters, digits, dots, underscores and hyphens."))
	}
	if t := c.TLS; t != nil {
		if (t.CertFile == "") != (t.KeyFile == "") {
			errs = append(errs, sdk.Problem("tls", "a client certificate needs both files", "Set cert_file and key_file, or neither."))
		}
		if t.InsecureSkipVerify {
			errs = append(errs, &sdk.ConfigProblem{Warning: true, Path: "tls.insecure_skip_verify", Summary: "certificates are not verified",
				Detail: "Use it in development only. In production set ca_file to the authority that signed the brokers' certificates."})
		}
	}
	if s := c.SASL; s != nil {
		if s.Username == "" || s.Password == "" {
			errs = append(errs, sdk.Problem("sasl", "empty user name or password", "Set username and password, or remove the block."))
		}
		if s.Mechanism == "plain" && c.TLS == nil {
			errs = append(errs, &sdk.ConfigProblem{Warning: true, Path: "sasl.mechanism", Summary: "the password travels unencrypted",
				Detail: "Add a tls block, or use scram-sha-512."})
		}
	}
	return errors.Join(errs...)
}

// checkAddress says what to write instead of s, nothing if s is an address.
func checkAddress(s string) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" {
		return `Write host and port, e.g. "kafka-1:9092".`
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "The port is a number from 1 to 65535."
	}
	return ""
}

// mechanism returns nil without a block.
func (s *SASL) mechanism() (sasl.Mechanism, error) {
	if s == nil {
		return nil, nil
	}
	if s.Mechanism == "plain" {
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	}
	algo := scram.SHA512
	if s.Mechanism == "scram-sha-256" {
		algo = scram.SHA256
	}
	m, err := scram.Mechanism(algo, s.Username, s.Password)
	if err != nil { // its text may quote the credentials
		return nil, sdk.Problem("sasl", "user name or password cannot be used with "+s.Mechanism, "Remove control and unassigned characters.")
	}
	return m, nil
}

// config reads the files. It returns nil without a block.
func (t *TLS) config() (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, sdk.Problem("tls.ca_file", "cannot be read", err.Error())
		}
		if out.RootCAs = x509.NewCertPool(); !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, sdk.Problem("tls.ca_file", "holds no certificate", "It must be in PEM form.")
		}
	}
	if t.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
			return &c, err
		}
		if _, err := load(); err != nil {
			return nil, sdk.Problem("tls.cert_file", "certificate and key cannot be used", err.Error())
		}
		out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return out, nil
}
