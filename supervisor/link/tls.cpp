#include "supervisor/link/tls.h"

#include <boost/asio/post.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "supervisor/link/tls_context.h"

namespace charter::supervisor {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Stream = asio::ssl::stream<asio::ip::tcp::socket>;

class TlsTransport final : public Transport {
 public:
  explicit TlsTransport(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}

  void read_some(const ReadBuffers& buffers, Handler handler) override {
    stream_->async_read_some(buffers, std::move(handler));
  }
  void write_some(const WriteBuffers& buffers, Handler handler) override {
    stream_->async_write_some(buffers, std::move(handler));
  }
  asio::ip::tcp::socket& socket() override { return stream_->next_layer(); }

 private:
  std::unique_ptr<Stream> stream_;
};

class RunningHandshake final : public TlsClient::Handshake,
                               public std::enable_shared_from_this<RunningHandshake> {
 public:
  RunningHandshake(std::unique_ptr<Stream> stream, TlsClient::Done done)
      : stream_(std::move(stream)), done_(std::move(done)) {}

  void run(const std::string& host) {
    if (!expect_host(stream_->native_handle(), host)) {
      asio::post(stream_->get_executor(), [self = shared_from_this()] {
        self->finish(nullptr, "TLS: the gateway's name cannot be verified");
      });
      return;
    }
    stream_->async_handshake(
        asio::ssl::stream_base::client,
        [self = shared_from_this()](const error_code& error) { self->on_handshake(error); });
  }

  void cancel() override {
    done_ = nullptr;
    error_code ignored;
    if (stream_) stream_->next_layer().close(ignored);
  }

 private:
  void on_handshake(const error_code& error) {
    if (!done_) return;
    if (error) {
      finish(nullptr, handshake_failure(stream_->native_handle(), error));
    } else {
      finish(std::make_unique<TlsTransport>(std::move(stream_)), {});
    }
  }
  void finish(std::unique_ptr<Transport> transport, std::string failure) {
    if (const auto done = std::exchange(done_, nullptr)) {
      done(std::move(transport), std::move(failure));
    }
  }

  std::unique_ptr<Stream> stream_;
  TlsClient::Done done_;
};

// For a failure known before anything was sent.
class FailedHandshake final : public TlsClient::Handshake,
                              public std::enable_shared_from_this<FailedHandshake> {
 public:
  explicit FailedHandshake(TlsClient::Done done) : done_(std::move(done)) {}

  void run(const asio::any_io_executor& executor, std::string failure) {
    asio::post(executor, [self = shared_from_this(), failure = std::move(failure)] {
      if (const auto done = std::exchange(self->done_, nullptr)) done(nullptr, failure);
    });
  }
  void cancel() override { done_ = nullptr; }

 private:
  TlsClient::Done done_;
};

}  // namespace

class TlsClient::Context {
 public:
  Context(asio::ssl::context made, std::vector<FileStamp> made_from)
      : native(std::move(made)), stamps(std::move(made_from)) {}

  asio::ssl::context native;
  std::vector<FileStamp> stamps;
};

TlsClient::TlsClient(TlsSettings settings) : settings_(std::move(settings)) {}

void TlsClient::use(const TlsSettings& settings) {
  settings_ = settings;
  context_.reset();  // a handshake under way has it, too
}

TlsClient::~TlsClient() = default;

std::shared_ptr<TlsClient::Handshake> TlsClient::secure(asio::ip::tcp::socket socket,
                                                        const std::string& host, Done done) {
  // Taken before the files are read: a change in between is then seen the next time.
  auto stamps = stamps_of(settings_);
  if (!context_ || context_->stamps != stamps) {
    auto made = make_tls_context(settings_);
    if (!made) {
      const auto failed = std::make_shared<FailedHandshake>(std::move(done));
      failed->run(socket.get_executor(), made.error().message());
      return failed;
    }
    context_ = std::make_shared<Context>(std::move(*made), std::move(stamps));
  }
  auto stream = std::make_unique<Stream>(std::move(socket), context_->native);
  const auto running = std::make_shared<RunningHandshake>(std::move(stream), std::move(done));
  running->run(host);
  return running;
}

std::string tls_problem(const TlsSettings& settings) {
  if (settings.client_certificate.empty() && !settings.client_key.empty()) {
    return "a client key needs a client certificate";
  }
  // The system's store is left for the first connection.
  if (settings.ca_file.empty() && settings.client_certificate.empty()) return {};
  const auto made = make_tls_context(settings);
  return made ? std::string() : made.error().message();
}

}  // namespace charter::supervisor
