"""Rules for matrices; a kernel is `[inputs, outputs]`."""

import numpy as np


def newton_schulz(x, rounds=5):
    """Jordan et al. 2024: rounds of a polynomial of degree 5."""
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / np.linalg.norm(x)
    for _ in range(rounds):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if tall else x


def muon(p, grads, rate, momentum=0.95, decay=0.0):
    """Jordan et al. 2024, Nesterov's form, with the length of Liu et al. 2025."""
    b = np.zeros_like(p)
    for g in grads:
        b = momentum * b + g
        o = newton_schulz(g + momentum * b)
        p = p - rate * (0.2 * np.sqrt(max(p.shape)) * o + decay * p)
        yield p


def normuon(p, grads, rate, b1=0.95, b2=0.9, eps=1e-8, decay=0.0):
    """Li et al. 2025, Algorithm 1."""
    m, v = np.zeros_like(p), np.zeros(p.shape[1])
    for g in grads:
        m = b1 * m + (1 - b1) * g
        o = newton_schulz(m)
        v = b2 * v + (1 - b2) * np.mean(o**2, axis=0)
        o = o / (np.sqrt(v) + eps)
        p = p - rate * (decay * p + 0.2 * np.sqrt(p.size) / np.linalg.norm(o) * o)
        yield p


def adafactor(p, grads, rate, eps1=1e-30, eps2=1e-3, d=1.0):
    """Shazeer & Stern 2018, Algorithm 4, with a relative step of `rate`."""
    r, c = np.zeros(p.shape[0]), np.zeros(p.shape[1])
    for t, g in enumerate(grads, 1):
        b2 = 1 - t**-0.8
        alpha = max(eps2, np.sqrt(np.mean(p**2))) * rate
        r = b2 * r + (1 - b2) * np.sum(g**2 + eps1, axis=1)
        c = b2 * c + (1 - b2) * np.sum(g**2 + eps1, axis=0)
        u = g / np.sqrt(np.outer(r, c) / np.sum(r))
        u = u / max(1.0, np.sqrt(np.mean(u**2)) / d)
        p = p - alpha * u
        yield p


def soap(p, grads, rate, b1=0.95, b2=0.95, eps=1e-8, decay=0.0, one_sided=False):
    """Vyas et al. 2024, Algorithm 3, the bias corrected.

    The first gradient chooses the bases only; sides above 4 keep their axes.
    """
    q_l, q_r = np.eye(p.shape[0]), np.eye(p.shape[1])
    l, r = np.zeros_like(q_l), np.zeros_like(q_r)
    m = v = np.zeros_like(p)
    left = len(l) <= 4 and not (one_sided and len(l) > len(r))
    right = len(r) <= 4 and not (one_sided and len(r) >= len(l))
    for t, g in enumerate(grads):
        if t > 0:
            g_rotated = q_l.T @ g @ q_r
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g_rotated**2
            m_hat, v_hat = q_l.T @ m @ q_r / (1 - b1**t), v / (1 - b2**t)
            n = q_l @ (m_hat / (np.sqrt(v_hat) + eps)) @ q_r.T
            p = p - rate * (n + decay * p)
        l = b2 * l + (1 - b2) * g @ g.T
        r = b2 * r + (1 - b2) * g.T @ g
        if t % 10 == 0 and left:
            q_l, order = soap_eigenvectors(l, q_l, t)
            v = v[order]
        if t % 10 == 0 and right:
            q_r, order = soap_eigenvectors(r, q_r, t)
            v = v[:, order]
        yield p


def soap_eigenvectors(p, q, t):
    """Algorithm 4 on sorted columns, and their order; at first the exact ones."""
    if t == 0:
        return np.linalg.eigh(p)[1][:, ::-1], np.arange(len(p))
    s = p @ q
    order = np.argsort(-np.sum(q * s, axis=0))
    return np.linalg.qr(s[:, order])[0], order


def inverse_root(p, exponent):
    """`p^-exponent` of a positive definite matrix."""
    values, q = np.linalg.eigh(p)
    return (q * values**-exponent) @ q.T


def shampoo(p, grads, rate, eps=1e-3):
    """Gupta et al. 2018, Algorithm 1."""
    l, r = eps * np.eye(p.shape[0]), eps * np.eye(p.shape[1])
    for g in grads:
        l = l + g @ g.T
        r = r + g.T @ g
        p = p - rate * inverse_root(l, 1 / 4) @ g @ inverse_root(r, 1 / 4)
        yield p


def grafted_shampoo(
    p, grads, rate, b1=0.9, b2=0.99, eps=1e-6, graft_eps=1e-8, decay=0.0, f=5, start=7
):
    """Shi et al. 2023, Shampoo of averages without bias, grafted onto Adam.

    The ridge is relative to the largest eigenvalue, as in Anil et al. 2020.
    """
    l, r = np.zeros((p.shape[0],) * 2), np.zeros((p.shape[1],) * 2)
    m = v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        l = b2 * l + (1 - b2) * g @ g.T
        r = b2 * r + (1 - b2) * g.T @ g
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        if t == start or (t > start and t % f == 0):
            l_root, r_root = (
                inverse_root(
                    (s + eps * np.linalg.norm(s, 2) * np.eye(len(s))) / (1 - b2**t),
                    1 / 4,
                )
                for s in (l, r)
            )
        step = m_hat / (np.sqrt(v_hat) + graft_eps)
        if t >= start:
            direction = l_root @ m_hat @ r_root
            step = direction * np.linalg.norm(step) / np.linalg.norm(direction)
        p = p - rate * (step + decay * p)
        yield p
