// SPDX-License-Identifier: Apache-2.0
// The host that the agent runs on: its kernel, in this network namespace.
#pragma once

#include "agent/programs.h"
#include "agent/step.h"

namespace isobar::agent {

class KernelHost : public Host {
public:
    // What StepKind::Filters attaches; without it there must be no such step to apply.
    void use(const Programs* programs) { programs_ = programs; }

    Result<Seen> look(const Step& step) override;
    Result<void> apply(const Step& step) override;
    Result<void> undo(const Step& step) override;

private:
    const Programs* programs_ = nullptr;
};

}  // namespace isobar::agent
