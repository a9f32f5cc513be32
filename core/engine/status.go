package engine

import (
	"context"
	"fmt"

	"github.com/patchbay-io/patchbay/core/admin"
	"github.com/patchbay-io/patchbay/core/dispatch"
	"github.com/patchbay-io/patchbay/core/journal"
	"github.com/patchbay-io/patchbay/core/plan"
	"github.com/patchbay-io/patchbay/core/pluginhost"
	"github.com/patchbay-io/patchbay/core/tap"
	"github.com/prometheus/client_golang/prometheus"
)

// Journal implements admin.Core.
func (e *Engine) Journal() *journal.Journal { return e.journal }

// Tap implements admin.Core.
func (e *Engine) Tap() *tap.Hub { return &e.tap }

// Ready implements admin.Core: it reports whether every source can receive and
// the journal can store, or what is in the way.
func (e *Engine) Ready() (bool, []string) {
	var why []string
	g := e.graph.Load()
	for _, c := range g.cfg.Sources {
		if s := g.sources[c.Address]; !s.serving.Load() {
			why = append(why, fmt.Sprintf("source %s is not configured yet: %s", c.Address, pluginProblem(s.proc)))
		}
	}
	if text := e.shortage(); text != "" {
		why = append(why, text)
	}
	return len(why) == 0, why
}

func pluginProblem(p *pluginhost.Process) string {
	s := p.Status()
	if s.LastError == "" {
		return "plugin " + string(s.State)
	}
	return "plugin " + string(s.State) + ": " + s.LastError
}

// Status implements admin.Core.
func (e *Engine) Status() admin.Status {
	s := admin.Status{Version: e.o.Version, Started: e.started.UTC(), Journal: e.journal.Metrics(), Full: e.journal.Full()}
	s.Ready, s.Reasons = e.Ready()
	if e.certificate != nil {
		c := e.certificate.Status()
		s.Certificate, s.Warnings = &c, c.Warnings
	}
	e.mu.Lock()
	if e.listening != nil {
		s.Receiver = e.listening.String()
	}
	s.Config = e.config
	e.mu.Unlock()
	g := e.graph.Load()
	s.Config.Queues = e.unread(g)
	for _, c := range g.cfg.Sources {
		s.Sources = append(s.Sources, admin.SourceStatus{Address: c.Address, Path: c.Path, Plugin: g.sources[c.Address].proc.Status()})
	}
	for _, l := range g.lanes() {
		s.Lanes = append(s.Lanes, admin.LaneStatus{Pipeline: l.Pipeline(), Source: l.Source(), Backlog: l.Backlog()})
	}
	for _, c := range g.cfg.Lookups {
		s.Lookups = append(s.Lookups, admin.LookupStatus{Address: c.Address, Status: g.lookups[c.Address].Status()})
	}
	for _, c := range g.cfg.Sinks {
		st := admin.SinkStatus{Address: c.Address, Plugin: g.sinks[c.Address].proc.Status()}
		for _, p := range g.cfg.Pipelines {
			if d := g.pipes[p.Name].dispatchers[c.Address]; d != nil {
				st.Dispatch = append(st.Dispatch, d.Status())
			}
		}
		s.Sinks = append(s.Sinks, st)
	}
	return s
}

// unread are the queues that wait for readers that g does not have.
func (e *Engine) unread(g *graph) (out []plan.Queue) {
	left, err := e.leftovers(g)
	if err != nil {
		e.log.Warn().Err(err).Msg("queues could not be counted")
	}
	for _, q := range left {
		if q.Waiting > 0 {
			out = append(out, q)
		}
	}
	sortQueues(out)
	return out
}

// RetryDeadLetter implements admin.Core.
func (e *Engine) RetryDeadLetter(ctx context.Context, id uint64) error {
	d, err := e.journal.DeadLetter(id)
	if err != nil {
		return err
	}
	p := e.graph.Load().pipes[d.Pipeline]
	if d.Sink != "" {
		if p == nil || p.dispatchers[d.Sink] == nil {
			return fmt.Errorf("engine: sink %s is not part of pipeline %q any more", d.Sink, d.Pipeline)
		}
		x := p.dispatchers[d.Sink]
		return x.task.during(ctx, func(ctx context.Context) error { return x.Retry(ctx, id) })
	}
	if p == nil || p.lanes[d.Source] == nil {
		return fmt.Errorf("engine: source %s is not part of pipeline %q any more", d.Source, d.Pipeline)
	}
	l := p.lanes[d.Source]
	return l.task.during(ctx, func(ctx context.Context) error { return l.Retry(ctx, id) })
}

// gauges exports what is a state rather than a count.
type gauges struct{ e *Engine }

var (
	laneBacklog  = prometheus.NewDesc("patchbay_lane_backlog", "Stored requests not processed yet.", []string{"pipeline", "source"}, nil)
	sinkBacklog  = prometheus.NewDesc("patchbay_sink_backlog", "Staged entries that a sink has not settled yet.", []string{"pipeline", "sink"}, nil)
	sinkPaused   = prometheus.NewDesc("patchbay_sink_paused", "1 while a sink's breaker is open.", []string{"pipeline", "sink"}, nil)
	pluginUp     = prometheus.NewDesc("patchbay_plugin_running", "1 while a block's plugin runs.", []string{"block"}, nil)
	pluginStarts = prometheus.NewDesc("patchbay_plugin_restarts_total", "How often a block's plugin was started again.", []string{"block"}, nil)
	lookupAsked  = prometheus.NewDesc("patchbay_lookup_keys_total", "Keys that were looked up outside, by what came of it.", []string{"lookup", "result"}, nil)
	lookupWaits  = prometheus.NewDesc("patchbay_lookup_waiting", "Batches that wait for a lookup that does not answer.", []string{"lookup"}, nil)
	ledgerTotal  = prometheus.NewDesc("patchbay_ledger_total", "The ledger: requests and events by what became of them.", []string{"scope", "name", "source", "outcome"}, nil)
	journalFull  = prometheus.NewDesc("patchbay_journal_full", "1 while no request is accepted for want of room.", []string{"shortage"}, nil)
	generations  = prometheus.NewDesc("patchbay_config_generation", "How many configurations were at work, this one included.", nil, nil)
	reloads      = prometheus.NewDesc("patchbay_config_reloads_total", "Reloads by outcome.", []string{"outcome"}, nil)
	reloadOK     = prometheus.NewDesc("patchbay_config_last_reload_successful", "0 if the last reload was not carried out.", nil, nil)
	configAge    = prometheus.NewDesc("patchbay_config_loaded_timestamp_seconds", "When the configuration was put to work.", nil, nil)
	leftover     = prometheus.NewDesc("patchbay_leftover_queue", "Requests or events that wait for a reader that is not configured.", []string{"reader", "from"}, nil)
	journalDisk  = prometheus.NewDesc("patchbay_journal_disk_bytes", "Disk space of the journal.", nil, nil)
)

// Describe implements prometheus.Collector.
func (*gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{laneBacklog, sinkBacklog, sinkPaused, pluginUp, pluginStarts, lookupAsked, lookupWaits, ledgerTotal, journalDisk, journalFull, generations, reloads, reloadOK, configAge, leftover} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	if g.e.journal == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	s := g.e.Status()
	for _, l := range s.Lanes {
		gauge(laneBacklog, float64(l.Backlog), l.Pipeline, l.Source)
	}
	plugin := func(address string, p pluginhost.Status) {
		gauge(pluginUp, flag(p.State == pluginhost.Running), address)
		ch <- prometheus.MustNewConstMetric(pluginStarts, prometheus.CounterValue, float64(p.Restarts), address)
	}
	for _, src := range s.Sources {
		plugin(src.Address, src.Plugin)
	}
	for _, snk := range s.Sinks {
		plugin(snk.Address, snk.Plugin)
		for _, d := range snk.Dispatch {
			gauge(sinkBacklog, float64(d.Backlog), d.Pipeline, d.Sink)
			gauge(sinkPaused, flag(d.State == dispatch.Paused), d.Pipeline, d.Sink)
		}
	}
	for _, l := range s.Lookups {
		gauge(lookupWaits, float64(l.Waiting), l.Address)
		for result, n := range map[string]int64{
			"cached": l.Hits, "found": l.Found, "missing": l.Missing, "refused": l.Refused, "outage": l.Outages, "skipped": l.Skipped,
		} {
			ch <- prometheus.MustNewConstMetric(lookupAsked, prometheus.CounterValue, float64(n), l.Address, result)
		}
	}
	c := &s.Config
	gauge(generations, float64(c.Generation))
	gauge(reloadOK, flag(c.LastError == ""))
	gauge(configAge, float64(c.LoadedAt.Unix()))
	for outcome, n := range map[string]int{"done": c.Reloads, "refused": c.Failures} {
		ch <- prometheus.MustNewConstMetric(reloads, prometheus.CounterValue, float64(n), outcome)
	}
	for _, q := range c.Queues {
		gauge(leftover, float64(q.Waiting), q.Reader, q.From)
	}
	gauge(journalDisk, float64(s.Journal.DiskBytes))
	for _, short := range []journal.Shortage{journal.DiskLow, journal.AtMaxDisk} {
		gauge(journalFull, flag(g.e.journal.Shortage() == short), string(short))
	}
	type key struct{ scope, name, source, outcome string }
	sums := map[key]float64{}
	for _, c := range g.e.journal.Ledger() {
		source := c.Source
		if c.Scope == journal.ScopeRaw {
			source = "" // refusals' reasons are in patchbay_refusals_total
		}
		sums[key{c.Scope.String(), c.Name, source, c.Outcome.String()}] += float64(c.N)
	}
	for k, n := range sums {
		gauge(ledgerTotal, n, k.scope, k.name, k.source, k.outcome)
	}
}
