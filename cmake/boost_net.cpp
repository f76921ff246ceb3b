// The one place where the compiled parts of Asio and Beast live.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
