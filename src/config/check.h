// SPDX-License-Identifier: Apache-2.0
// What is wrong with a file whose single values are right: things said twice.
#pragma once

#include "config/reading.h"
#include "config/schema.h"
#include "model/config.h"

namespace isobar::config {

void check(const FileDraft& draft, Reading& reading);
// Only of a draft without errors.
model::Config to_config(const FileDraft& draft);

}  // namespace isobar::config
