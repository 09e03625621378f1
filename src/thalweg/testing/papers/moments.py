"""Rules that divide by a second moment, entry by entry."""

import numpy as np


def adagrad(p, grads, rate, eps=1e-10):
    """Duchi et al. 2011, Figure 1 with a diagonal G."""
    s = np.zeros_like(p)
    for g in grads:
        s = s + g**2
        p = p - rate * g / (eps + np.sqrt(s))
        yield p


def graves(p, grads, rate, b2=0.95, momentum=0.9, eps=1e-4):
    """Graves 2013, equations 38-41."""
    n = mean = delta = np.zeros_like(p)
    for g in grads:
        n = b2 * n + (1 - b2) * g**2
        mean = b2 * mean + (1 - b2) * g
        delta = momentum * delta - rate * g / np.sqrt(n - mean**2 + eps)
        p = p + delta
        yield p


def adadelta(p, grads, rate, rho=0.95, eps=1e-6):
    """Zeiler 2012, Algorithm 1, and a rate."""
    square = moved = np.zeros_like(p)
    for g in grads:
        square = rho * square + (1 - rho) * g**2
        step = -np.sqrt(moved + eps) / np.sqrt(square + eps) * g
        moved = rho * moved + (1 - rho) * step**2
        p = p + rate * step
        yield p


def adam(p, grads, rate, b1=0.9, b2=0.999, eps=1e-8):
    """Kingma & Ba 2015, Algorithm 1."""
    m = v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        p = p - rate * m_hat / (np.sqrt(v_hat) + eps)
        yield p


def adamw(p, grads, rate, b1=0.9, b2=0.999, eps=1e-8, decay=0.0):
    """Loshchilov & Hutter 2019, Algorithm 2."""
    m = v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        p = p - (rate * m_hat / (np.sqrt(v_hat) + eps) + decay * p)
        yield p


def adamax(p, grads, rate, b1=0.9, b2=0.999):
    """Kingma & Ba 2015, Algorithm 2; 0/0, which it leaves open, is 0."""
    m = u = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m = b1 * m + (1 - b1) * g
        u = np.maximum(b2 * u, np.abs(g))
        p = p - rate / (1 - b1**t) * m / np.where(u == 0, 1, u)
        yield p


def amsgrad(p, grads, rate, b1=0.9, b2=0.999, eps=1e-8):
    """Reddi et al. 2018, Algorithm 2, with eps for 0/0."""
    m = v = v_hat = np.zeros_like(p)
    for g in grads:
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        v_hat = np.maximum(v_hat, v)
        p = p - rate * m / (np.sqrt(v_hat) + eps)
        yield p


def nadam(p, grads, rate, b1=0.9, b2=0.999, eps=1e-8, psi=0.004, decay=0.0):
    """Dozat 2016, NAdam with mu_t = b1 (1 - 0.5 * 0.96^(t psi))."""
    m = n = np.zeros_like(p)
    product = 1.0
    for t, g in enumerate(grads, 1):
        mu, after = (b1 * (1 - 0.5 * 0.96 ** (k * psi)) for k in (t, t + 1))
        product *= mu
        g_hat = g / (1 - product)
        m = b1 * m + (1 - b1) * g
        n = b2 * n + (1 - b2) * g**2
        m_hat, n_hat = m / (1 - product * after), n / (1 - b2**t)
        m_bar = (1 - mu) * g_hat + after * m_hat
        p = p - (rate * m_bar / (np.sqrt(n_hat) + eps) + decay * p)
        yield p


def radam(p, grads, rate, b1=0.9, b2=0.999, threshold=5.0):
    """Liu et al. 2020, Algorithm 2; 0/0, which it leaves open, is 0."""
    m = v = np.zeros_like(p)
    rho_inf = 2 / (1 - b2) - 1
    for t, g in enumerate(grads, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat = m / (1 - b1**t)
        rho = rho_inf - 2 * t * b2**t / (1 - b2**t)
        if rho > threshold:
            l = np.sqrt((1 - b2**t) / np.where(v == 0, 1, v))
            r = (rho - 4) * (rho - 2) * rho_inf
            r = np.sqrt(r / ((rho_inf - 4) * (rho_inf - 2) * rho))
            p = p - rate * r * m_hat * l
        else:
            p = p - rate * m_hat
        yield p


def ademamix(
    p, grads, rate, b1=0.9, b2=0.999, b3=0.9999, alpha=5.0, eps=1e-8, decay=0.0
):
    """Pagliardini et al. 2025, Algorithm 1, without its schedulers."""
    m1 = m2 = nu = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m1 = b1 * m1 + (1 - b1) * g
        m2 = b3 * m2 + (1 - b3) * g
        nu = b2 * nu + (1 - b2) * g**2
        m1_hat, nu_hat = m1 / (1 - b1**t), nu / (1 - b2**t)
        step = (m1_hat + alpha * m2) / (np.sqrt(nu_hat) + eps)
        p = p - rate * (step + decay * p)
        yield p


def lamb(p, grads, rate, b1=0.9, b2=0.999, eps=1e-6, decay=0.0):
    """You et al. 2020, Algorithm 2, with phi(z) = z; 1 for a ratio with zero."""
    m = v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        r = m_hat / (np.sqrt(v_hat) + eps) + decay * p
        weights, step = np.sqrt(np.sum(p**2)), np.sqrt(np.sum(r**2))
        p = p - rate * (weights / step if weights > 0 and step > 0 else 1.0) * r
        yield p


def mars(p, grads, rate, b1=0.95, b2=0.99, gamma=0.025, eps=1e-8, decay=0.0):
    """Yuan et al. 2024, Algorithms 1 and 2, approximate form."""
    m = v = np.zeros_like(p)
    last = grads[0]
    for t, g in enumerate(grads, 1):
        c = g + gamma * b1 / (1 - b1) * (g - last)
        last = g
        c = c / max(1.0, np.sqrt(np.sum(c**2)))
        m = b1 * m + (1 - b1) * c
        v = b2 * v + (1 - b2) * c**2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        p = p - rate * (m_hat / (np.sqrt(v_hat) + eps) + decay * p)
        yield p
