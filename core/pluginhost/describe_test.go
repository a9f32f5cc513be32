package pluginhost

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
	"github.com/rs/zerolog"
	"google.golang.org/grpc"
)

// versionsEnv lists the protocol versions that the fake plugin "versions" serves.
const versionsEnv = "PATCHBAY_TEST_VERSIONS"

// versioned serves a plugin whose name is the version that was agreed on.
type versioned struct {
	goplugin.NetRPCUnsupportedPlugin
	goplugin.GRPCPlugin
	version int
}

func (v versioned) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	srv, err := sdk.NewServer(fmt.Sprint("v", v.version), "1.0.0", sdk.SourceType(source{}))
	if err != nil {
		return err
	}
	srv.Register(s)
	return nil
}

func serveVersions() {
	sets := map[int]goplugin.PluginSet{}
	for text := range strings.SplitSeq(os.Getenv(versionsEnv), ",") {
		v, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		sets[v] = goplugin.PluginSet{wire.PluginKey: versioned{version: v}}
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: wire.PluginHandshake, VersionedPlugins: sets, Logger: hclog.NewNullLogger(),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, wire.ServerOptions()...)...)
		},
	})
}

// TestNegotiation: the highest version that both speak is used, and none in
// common is said in words.
func TestNegotiation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		core   []int
		plugin string
		want   int    // agreed on
		offers int    // by the plugin, where nothing is
		why    string // part of the error then
	}{
		{core: []int{1}, plugin: "1", want: 1},
		{core: []int{2, 1}, plugin: "1", want: 1},
		{core: []int{1}, plugin: "1,2", want: 1},
		{core: []int{2, 1}, plugin: "1,2", want: 2},
		{core: []int{2, 1}, plugin: "2", want: 2},
		{core: []int{1}, plugin: "2", offers: 2, why: "speaks version 2 of the plugin protocol and this patchbay 1; it is a plugin for a newer patchbay"},
		{core: []int{3, 2}, plugin: "1", offers: 1, why: "speaks version 1 of the plugin protocol and this patchbay 3 and 2; it is a plugin for an older patchbay"},
		{core: []int{2, 1}, plugin: "3,4", offers: 3, why: "a newer patchbay"},
	} {
		t.Run(fmt.Sprint(c.core, " and ", c.plugin), func(t *testing.T) {
			t.Parallel()
			out, err := Describe(t.Context(), Spec{
				Address: "a", Path: self(), SocketDir: socketDir(t), Log: zerolog.Nop(), protocols: c.core,
				Env: []string{modeEnv + "=versions", versionsEnv + "=" + c.plugin},
			})
			if c.want > 0 {
				if err != nil || out.Protocol != c.want || out.Name != fmt.Sprint("v", c.want) {
					t.Fatalf("got %v, %v, want version %d", out, err, c.want)
				}
				return
			}
			var bad *Incompatible
			if !errors.As(err, &bad) || bad.Plugin != c.offers || !slices.Equal(bad.Core, c.core) || !strings.Contains(err.Error(), c.why) {
				t.Errorf("got %v, want %q", err, c.why)
			}
		})
	}
}
