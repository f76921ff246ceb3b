// Included before everything else in the sources that make charter-daemon and charter-worker ones
// of the next version (CMakeLists.txt): the same programs, whose formats have the next numbers.
#pragma once

#include "ipc/doorbell.h"
#include "ipc/job.h"
#include "ipc/log_segment.h"
#include "ipc/versions.h"

#define kDoorbellVersion kDoorbellVersion + 1
#define kJobVersion kJobVersion + 1
#define kLedgerVersion kLedgerVersion + 1
#define kLogVersion kLogVersion + 1
