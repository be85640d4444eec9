/** The POP3 listeners: `pop3s` is TLS from the first byte (RFC 8314 §3.3), `pop3` offers STLS. */
import type { MaildropLocks } from '../../messages/maildrop/maildrop-locks.ts'
import type { Platform } from '../../platform/platform.ts'
import type { TlsContexts } from '../../platform/tls.ts'
import { startTcpListener, type TcpListener } from '../tcp-listener.ts'
import { startConnection } from './connection.ts'
import { pop3Limits } from './limits.ts'
import { encodeReply, err } from './reply.ts'

export type Pop3ListenerOptions = {
  name: 'pop3' | 'pop3s'
  host: string
  /** 0: any free port. */
  port: number
  tls: TlsContexts
  locks: MaildropLocks
}

/** Starts one listener. @throws when the port cannot be bound. */
export async function startPop3Listener(
  platform: Platform,
  { name, host, port, tls, locks }: Pop3ListenerOptions,
): Promise<TcpListener> {
  return await startTcpListener(platform, {
    protocol: name,
    host,
    port,
    isImplicitTls: name === 'pop3s',
    limits: pop3Limits,
    refusal: encodeReply(err('Too many connections', 'SYS/TEMP')),
    start: (socket) => startConnection(platform, socket, { listener: name, locks, tls }),
  })
}
