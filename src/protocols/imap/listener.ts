/** The IMAP listeners: `imaps` is TLS from the first byte (RFC 8314), `imap` offers STARTTLS. */
import type { Platform } from '../../platform/platform.ts'
import type { TlsContexts } from '../../platform/tls.ts'
import { startTcpListener, type TcpListener } from '../tcp-listener.ts'
import { startConnection } from './connection.ts'
import { imapLimits } from './limits.ts'

export type ImapListenerOptions = {
  name: 'imap' | 'imaps'
  host: string
  /** 0: any free port. */
  port: number
  tls: TlsContexts
}

export type ImapListener = TcpListener

/** Starts one listener. @throws when the port cannot be bound. */
export async function startImapListener(
  platform: Platform,
  { name, host, port, tls }: ImapListenerOptions,
): Promise<ImapListener> {
  return await startTcpListener(platform, {
    protocol: name,
    host,
    port,
    isImplicitTls: name === 'imaps',
    limits: imapLimits,
    refusal: '* BYE [UNAVAILABLE] Too many connections\r\n',
    start: (socket) => startConnection(platform, socket, { listener: name, tls }),
  })
}
