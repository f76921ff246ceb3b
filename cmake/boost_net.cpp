// The one place where the compiled parts of Asio, Beast and Boost.Process live.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
#include <boost/process/v2/src.hpp>
