// One generator per schedule, each in the file of its name.  They refuse an illegal shape with
// InputError at "schedule" and expect P, V, M >= 1; `generate_schedule` is the way in.
#pragma once

#include "schedules/catalog.h"

namespace plumbline {

Schedule gpipe(const PipelineShape& shape, const ScheduleOptions& options);
Schedule one_f_one_b(const PipelineShape& shape, const ScheduleOptions& options);
Schedule interleaved_1f1b(const PipelineShape& shape, const ScheduleOptions& options);
Schedule looped_bfs(const PipelineShape& shape, const ScheduleOptions& options);
Schedule interleaved_zb(const PipelineShape& shape, const ScheduleOptions& options);
Schedule zb_h1(const PipelineShape& shape, const ScheduleOptions& options);
Schedule zb_h2(const PipelineShape& shape, const ScheduleOptions& options);
Schedule v_half(const PipelineShape& shape, const ScheduleOptions& options);
Schedule v_min(const PipelineShape& shape, const ScheduleOptions& options);
Schedule zb_v(const PipelineShape& shape, const ScheduleOptions& options);
Schedule dualpipe(const PipelineShape& shape, const ScheduleOptions& options);
Schedule dualpipe_v(const PipelineShape& shape, const ScheduleOptions& options);
Schedule chimera(const PipelineShape& shape, const ScheduleOptions& options);
Schedule hanayo(const PipelineShape& shape, const ScheduleOptions& options);
Schedule pipedream(const PipelineShape& shape, const ScheduleOptions& options);
Schedule pipedream_2bw(const PipelineShape& shape, const ScheduleOptions& options);
Schedule zb_auto(const PipelineShape& shape, const ScheduleOptions& options);

}  // namespace plumbline
