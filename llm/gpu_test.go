package llm

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestParseGPUs(t *testing.T) {
	exporter, err := os.ReadFile("testdata/dcgm.prom") // the form of dcgm-exporter's README
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		body string
		want []GPU
	}{
		"two cards": {string(exporter), []GPU{
			{ID: "0", Name: "NVIDIA H100 80GB HBM3", UsedGB: 60, TotalGB: 80, Load: 97, LoadKnown: true},
			{ID: "1", Name: "NVIDIA H100 80GB HBM3", UsedGB: 0, TotalGB: 80, Load: 0, LoadKnown: true},
		}},
		"a slice of one, its load not known": {
			"DCGM_FI_DEV_FB_USED{gpu=\"0\",GPU_I_ID=\"2\",modelName=\" A100 \"} 1024\nDCGM_FI_DEV_FB_FREE{gpu=\"0\",GPU_I_ID=\"2\"} 9216\n",
			[]GPU{{ID: "0/2", Name: "A100", UsedGB: 1, TotalGB: 10}},
		},
		"another exporter": {"# TYPE node_load1 gauge\nnode_load1 0.3\n", []GPU{}},
		"empty":            {"", []GPU{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for range 50 { // the families are read in the order of a map
				got, err := parseGPUs(strings.NewReader(tt.body))
				if err != nil || !reflect.DeepEqual(got, tt.want) {
					t.Fatalf("%v\ngot  %+v\nwant %+v", err, got, tt.want)
				}
			}
		})
	}
	if got, err := parseGPUs(strings.NewReader("<html>sign in</html>")); err == nil {
		t.Errorf("a page that is no exporter: %+v", got)
	}
}
