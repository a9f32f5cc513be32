package pluginhost

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// Incompatible says that core and a plugin have no version of the protocol in
// common.
type Incompatible struct {
	Path   string
	Plugin int   // the version that the plugin offers
	Core   []int // the versions that core speaks
}

func (i *Incompatible) Error() string {
	var ours []string
	for _, v := range i.Core {
		ours = append(ours, strconv.Itoa(v))
	}
	older := "an older patchbay"
	if len(i.Core) > 0 && i.Plugin > slices.Max(i.Core) {
		older = "a newer patchbay"
	}
	return fmt.Sprintf("%s speaks version %d of the plugin protocol and this patchbay %s; it is a plugin for %s",
		i.Path, i.Plugin, strings.Join(ours, " and "), older)
}

// versionComplaint is how go-plugin says that the versions don't match; it has
// no type for it.
var versionComplaint = regexp.MustCompile(`incompatible API version.*Plugin version: (-?\d+)`)

// incompatible recognises a failed negotiation.
func incompatible(err error, spec *Spec) error {
	m := versionComplaint.FindStringSubmatch(err.Error())
	if m == nil {
		return nil
	}
	v, err := strconv.Atoi(m[1])
	if err != nil {
		return nil
	}
	return &Incompatible{Path: spec.Path, Plugin: v, Core: spec.protocols}
}

// offered is what core offers the plugin: a set of services for each version of
// the protocol that it speaks. Both sides pick the highest in common.
func offered(protocols []int) map[int]goplugin.PluginSet {
	out := map[int]goplugin.PluginSet{}
	for _, v := range protocols {
		out[v] = goplugin.PluginSet{wire.PluginKey: clientPlugin{}}
	}
	return out
}

// Ask starts the plugin at spec.Path, asks it one question, and stops it.
func Ask(ctx context.Context, spec Spec, question func(context.Context, *sdk.Client) error) error {
	_, err := ask(ctx, spec, question)
	return err
}

// ask returns the version of the protocol in which it was asked.
func ask(ctx context.Context, spec Spec, question func(context.Context, *sdk.Client) error) (int, error) {
	spec = New(spec).spec
	inst, err := launch(ctx, &spec)
	if err != nil {
		return 0, err
	}
	defer inst.close()
	ctx, cancel := context.WithTimeout(ctx, spec.StartTimeout)
	defer cancel()
	return inst.gp.NegotiatedVersion(), question(ctx, sdk.NewClient(inst.conn))
}

// Description is what a plugin says about itself, and in which version of the
// protocol it said so.
type Description struct {
	*wire.DescribeResponse
	Protocol int
}

// Describe starts the plugin at spec.Path, asks what it serves, and stops it.
func Describe(ctx context.Context, spec Spec) (*Description, error) {
	var out Description
	protocol, err := ask(ctx, spec, func(ctx context.Context, c *sdk.Client) (err error) {
		out.DescribeResponse, err = c.Describe(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", spec.Path, err)
	}
	out.Protocol = protocol
	return &out, nil
}
