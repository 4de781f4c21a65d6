// Physical quantities used by the cost models.
//
// A Quantity is a double that remembers its dimension as three exponents:
// time (s), data (bytes) and work (floating-point operations).  Products and
// quotients add and subtract exponents, so `bytes / bandwidth` *is* a time and
// `bytes + seconds` does not compile.  Values are always in SI base units;
// scale factors appear only in the literals below and in the YAML reader.
#pragma once

namespace plumbline {

template <int kTime, int kData, int kWork>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(double base_units) : value_(base_units) {}

  /// The number in base units; call it only at the edges (printing, Eigen).
  constexpr double base() const { return value_; }

  constexpr Quantity& operator+=(Quantity o) {
    value_ += o.value_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity o) {
    value_ -= o.value_;
    return *this;
  }

  friend constexpr Quantity operator+(Quantity a, Quantity b) { return a += b; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return a -= b; }
  friend constexpr Quantity operator*(double k, Quantity a) { return Quantity(k * a.value_); }
  friend constexpr Quantity operator*(Quantity a, double k) { return k * a; }
  friend constexpr Quantity operator/(Quantity a, double k) { return Quantity(a.value_ / k); }
  friend constexpr double operator/(Quantity a, Quantity b) { return a.value_ / b.value_; }
  friend constexpr bool operator==(Quantity a, Quantity b) { return a.value_ == b.value_; }
  friend constexpr bool operator<(Quantity a, Quantity b) { return a.value_ < b.value_; }
  friend constexpr bool operator>(Quantity a, Quantity b) { return b < a; }
  friend constexpr bool operator<=(Quantity a, Quantity b) { return a.value_ <= b.value_; }
  friend constexpr bool operator>=(Quantity a, Quantity b) { return b <= a; }

 private:
  double value_ = 0.0;
};

template <int T1, int D1, int W1, int T2, int D2, int W2>
constexpr auto operator*(Quantity<T1, D1, W1> a, Quantity<T2, D2, W2> b) {
  return Quantity<T1 + T2, D1 + D2, W1 + W2>(a.base() * b.base());
}

template <int T1, int D1, int W1, int T2, int D2, int W2>
constexpr auto operator/(Quantity<T1, D1, W1> a, Quantity<T2, D2, W2> b) {
  return Quantity<T1 - T2, D1 - D2, W1 - W2>(a.base() / b.base());
}

using Seconds = Quantity<1, 0, 0>;
using Bytes = Quantity<0, 1, 0>;
using Flops = Quantity<0, 0, 1>;
using BytesPerSecond = Quantity<-1, 1, 0>;
using FlopsPerSecond = Quantity<-1, 0, 1>;

template <int T, int D, int W>
constexpr Quantity<T, D, W> max(Quantity<T, D, W> a, Quantity<T, D, W> b) {
  return a < b ? b : a;
}
template <int T, int D, int W>
constexpr Quantity<T, D, W> min(Quantity<T, D, W> a, Quantity<T, D, W> b) {
  return b < a ? b : a;
}

inline namespace literals {
constexpr Seconds operator""_s(long double v) { return Seconds(static_cast<double>(v)); }
constexpr Seconds operator""_us(long double v) { return Seconds(static_cast<double>(v) * 1e-6); }
constexpr Bytes operator""_B(unsigned long long v) { return Bytes(static_cast<double>(v)); }
constexpr Bytes operator""_GiB(unsigned long long v) {
  return Bytes(static_cast<double>(v) * 1073741824.0);
}
constexpr BytesPerSecond operator""_GBps(long double v) {
  return BytesPerSecond(static_cast<double>(v) * 1e9);
}
constexpr FlopsPerSecond operator""_TFLOPS(long double v) {
  return FlopsPerSecond(static_cast<double>(v) * 1e12);
}
}  // namespace literals

static_assert(sizeof(Seconds) == sizeof(double));

}  // namespace plumbline
