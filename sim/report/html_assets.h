// Style and script of the HTML report; the page fetches nothing.
#pragma once

#include <string_view>

namespace plumbline {

extern const std::string_view kHtmlStyle;
/// Draws the timeline from the JSON in #timeline-data: zoom by wheel, pan by dragging, the
/// micro-batch under the pointer is followed through the pipeline.
extern const std::string_view kHtmlScript;

}  // namespace plumbline
