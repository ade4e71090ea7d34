#ifndef HEALTH_RENDER_METRICS_H
#define HEALTH_RENDER_METRICS_H
/*
 * render_metrics.h - /metrics.                                         [supervisor]
 *
 * Prometheus' text format 0.0.4: every series with HELP and TYPE, base units, label values from
 * closed lists only (no id, no name, no message of anybody). service.md's two names stay as they
 * are. Pure.
 */
#include "health/page.h"
#include "health/view.h"

#define RENDER_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void render_metrics(struct page *page, const struct health_view *view);

#endif
