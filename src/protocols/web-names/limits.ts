/** Every bound of the web names of domains and of their listeners. */

export const webLimits = {
  /** Of a request's line and header fields. */
  headerBytesMax: 16 * 1024,
  /** Of a body: a mail client's question is some hundred bytes. */
  bodyBytesMax: 16 * 1024,
  /** Redirects from one of our domains to another that are followed to see whether they come back. */
  hopsMax: 5,
  /** How long browsers keep a permanent redirect, so that a changed one is seen. */
  redirectMaxAgeSeconds: 3600,
} as const

export type ListenerLimits = {
  connectionsMax: number
  /** From one address that is not this machine's own. */
  connectionsPerAddressMax: number
  /** From the connection to the end of the header; the TLS handshake comes before it and has as long. */
  headerMsMax: number
  /** To the end of the body. */
  requestMsMax: number
  keepAliveMs: number
  /** How long a stop waits for running requests. */
  drainMs: number
}

/** Port 80: short questions and short answers. */
export const plainLimits: ListenerLimits = {
  connectionsMax: 5_000,
  connectionsPerAddressMax: 100,
  headerMsMax: 10_000,
  requestMsMax: 10_000,
  keepAliveMs: 5_000,
  drainMs: 1_000,
}

/**
 * Port 443, where the API's callers come too: files that take an hour, and connections that load balancers keep. What
 * answers there has a shorter bound for all other bodies (api/request-time.ts).
 */
export const secureLimits: ListenerLimits = {
  connectionsMax: 20_000,
  connectionsPerAddressMax: 1_000,
  headerMsMax: 15_000,
  requestMsMax: 60 * 60_000,
  keepAliveMs: 72_000,
  drainMs: 10_000,
}
