// One attempt of a request: what libcurl does, with redirects followed here, so that a token stays with its origin.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "hub/http.h"

namespace molmo::hub {

struct HttpRequest {
  const Url& url;
  Body* body = nullptr;  ///< null: the headers alone
  bool is_file = false;  ///< bytes as they are, with the limits of long transfers; else any coding that saves bytes
  bool sends_token = false;
};

/// How an attempt ended that has no answer.
enum class Failure {
  kNone,
  kPassing,     ///< may go better another time
  kUnresolved,  ///< no address of the host or the proxy: a wrong name, no network, or a name server that stumbles
  kPermanent,   ///< will not
};

struct Outcome {
  HttpResponse response;
  Failure failure = Failure::kNone;
  std::string reason;
  std::optional<std::chrono::seconds> asked_delay;  ///< what the server wants to be left alone for
};

/// What `request.body` throws comes out of it.
Outcome attempt(const HttpRequest& request, const HttpOptions& options);

}  // namespace molmo::hub
