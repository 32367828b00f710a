/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Do return probes of this kernel hurt processes under a seccomp filter? Since 6.11 on
 * x86_64 (kernel ff474a78cef5) the way back from a probed function goes through a system
 * call of its own, uretprobe, which filters refuse or kill for: the program crashes
 * (SIGSEGV, as under Docker's filter) or is killed (SIGSYS). 6.14 lets it pass (kernel
 * cf6cb56ef244), and so do stable kernels of 6.12 and 6.13 since February 2025;
 * distributions vary. So it is tried.
 */
#ifndef EC_CAPTURE_URETPROBE_TRIAL_H
#define EC_CAPTURE_URETPROBE_TRIAL_H

#include "host/features.h"

/*
 * A child puts itself under a filter that kills for everything but the end, and calls a
 * function that carries our return probe. 1: it survives; 0: it does not, so neither
 * would others; -errno: could not be tried (-ENOSYS: no seccomp here, -EPERM: no rights,
 * -ENXIO: the probe did not fire, -ETIMEDOUT). Takes some 10 ms with uprobe_multi, up to
 * 0.3 s with perf events. Forks and waits for its child; leaves nothing behind.
 */
int ec_uretprobe_trial(const struct ec_features *f);

#endif
