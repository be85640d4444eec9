/** The listener on port 443: the same requests as the HTTP listener's, with the certificate of the name that was asked for. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Platform } from '../../platform/platform.ts'
import type { TlsStore } from '../../platform/tls.ts'
import { type HttpListener, type HttpListenerOptions, startHttpListener } from './http-listener.ts'
import { type ListenerLimits, secureLimits } from './limits.ts'

export type SecureListenerOptions = {
  host: string
  /** 0: any free port. */
  port: number
  tls: TlsStore
  /** The API, which asks `answerFront` first. */
  handle(request: IncomingMessage, response: ServerResponse): void
  upgrades?: HttpListenerOptions['upgrades']
  limits?: ListenerLimits
}

/** @throws when the port cannot be bound. */
export async function startSecureListener(
  platform: Platform,
  options: SecureListenerOptions,
): Promise<HttpListener> {
  return await startHttpListener(platform, { limits: secureLimits, ...options, name: 'https' })
}
