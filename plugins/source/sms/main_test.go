package main

import (
	"testing"

	"github.com/patchbay-io/patchbay/sdk"
	"github.com/patchbay-io/patchbay/sdk/sdktest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The plugin can be described, with every type it is known for.
func TestTypes(t *testing.T) {
	t.Parallel()
	conn, err := sdktest.Connect(types()...)
	if err != nil {
		t.Fatal(err)
	}
	d, err := conn.Client.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Types) != 1 || d.Types[0].Name != "twilio" || d.Types[0].GetSource().GetChannel() != sdk.NoChannel.String() {
		t.Errorf("the plugin serves %v, want twilio alone, whose channel varies", d.Types)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
