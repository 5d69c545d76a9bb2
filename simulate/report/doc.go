// Package report shows simulated runs to people: a page that needs nothing but a
// browser, and a view of a run under way for a terminal.
//
//	page, err := report.Record(ctx, cfg, result) // plays the run again, for a closer look
//	err = page.Save("report.html")
//
//	view := report.NewView(os.Stdout, scenario, report.Terminal{Width: 80, Live: true})
//	result, err := simulate.Run(ctx, simulate.Config{…, Progress: view.Progress})
//	view.Result(result)
//
// The page is one file below MaxPage bytes, whatever the run: it fetches nothing,
// and what there is too much of is left out and said to be. The package judges
// nothing, and decides nothing about a run.
package report
