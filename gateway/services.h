// What a connection needs of the gateway.
#pragma once

#include "gateway/access.h"
#include "gateway/api.h"
#include "gateway/hub.h"
#include "gateway/store_thread.h"

namespace charter::gateway {

struct Services {
  const Access& access;
  StoreThread& store;
  Hub& hub;
  Api& api;
};

}  // namespace charter::gateway
