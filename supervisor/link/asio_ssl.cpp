// The one place where the compiled parts of Asio's TLS live.
#include <boost/asio/ssl/impl/src.hpp>
