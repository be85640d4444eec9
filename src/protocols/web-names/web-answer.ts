/** What is asked of a web name, and what is answered, without sockets. */
import type { WebTarget } from './target.ts'

export type WebRequest = WebTarget & {
  method: string
  /** clear: port 80. tls: port 443. proxied: the HTTP listener, before which something else speaks TLS. */
  transport: 'clear' | 'tls' | 'proxied'
  /** @throws BodyTooLarge */
  readBody(): Promise<string>
}

export type WebAnswer = { status: number; headers: Record<string, string>; body: string }

/** More than `webLimits.bodyBytesMax`. */
export class BodyTooLarge extends Error {}

export function textAnswer(status: number, text: string, headers: Record<string, string> = {}): WebAnswer {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
    body: text === '' ? '' : `${text}\n`,
  }
}

export const notFound = textAnswer(404, 'There is nothing here.')

/** @returns null when the method is one of those. */
export function refuseMethod(method: string, ...allowed: readonly string[]): WebAnswer | null {
  return allowed.includes(method)
    ? null
    : textAnswer(405, 'This address has no such method.', { allow: allowed.join(', ') })
}
