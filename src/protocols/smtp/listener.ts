/**
 * The SMTP listeners: MX, submission with STARTTLS (RFC 6409), submission over TLS (RFC 8314), and LMTP (RFC 2033). A recipient is
 * refused at RCPT TO, and DATA is answered only after the commit.
 */
import type { AddressInfo } from 'node:net'
import type { SMTPServer, SMTPServerOptions, SMTPServerSession } from 'smtp-server'
import type { CommitLane } from '../../delivery/commit-lane.ts'
import type { RecipientResolver } from '../../delivery/recipients.ts'
import type { Platform } from '../../platform/platform.ts'
import type { TlsStore } from '../../platform/tls.ts'
import { startAdmission } from './admission.ts'
import { smtpLimits } from './limits.ts'
import { offeredFeatures } from './parameters.ts'
import { answersTo, receiveMessage } from './receive.ts'
import { replies } from './replies.ts'
import { roleOf, type SmtpListenerName } from './roles.ts'
import { createSmtpServer } from './server.ts'
import {
  authenticate,
  type Conversation,
  checkRecipient,
  checkSender,
  type Decision,
  endLogin,
  mayLogIn,
  recipientsOf,
  reversePathOf,
} from './session.ts'

export type { SmtpListenerName } from './roles.ts'

export type SmtpListenerOptions = {
  name: SmtpListenerName
  host: string
  port: number
  tls: TlsStore
  lane: CommitLane
  recipients: RecipientResolver
}

export type SmtpListener = { port: number; stop(): Promise<void> }

/** Starts one listener. @throws when the port cannot be bound. */
export async function startSmtpListener(
  platform: Platform,
  options: SmtpListenerOptions,
): Promise<SmtpListener> {
  const role = roleOf(options.name)
  const server = createSmtpServer(
    {
      ...fixedOptions(platform, options),
      ...sessionHandlers(platform, options),
      ...messageHandlers(platform, options),
    },
    {
      // Over LMTP the mail server in front is the client itself.
      proxiesFrom: role === 'lmtp' ? [] : platform.config.proxyProtocolFrom,
      features: () => offeredFeatures(role, platform.clock.now()),
    },
  )
  server.on('error', (error) => platform.log.debug({ event: 'smtp.connection_error', cause: error }))
  const port = await listen(server, options)
  const { tls } = options
  const forget = tls.onDefaultChanged(() =>
    server.updateSecureContext({ key: tls.keyPem, cert: tls.certPem }),
  )
  const stop = async (): Promise<void> => {
    forget()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { port, stop }
}

function fixedOptions(platform: Platform, { name, tls }: SmtpListenerOptions): SMTPServerOptions {
  return {
    name: platform.config.hostname,
    banner: 'Mailwright',
    secure: name === 'submissions',
    key: tls.keyPem,
    cert: tls.certPem,
    SNICallback: tls.SNICallback,
    minVersion: 'TLSv1.2', // RFC 8996
    size: platform.config.messageBytesMax,
    lmtp: name === 'lmtp',
    hideENHANCEDSTATUSCODES: false,
    hideDSN: roleOf(name) !== 'submission',
    hideREQUIRETLS: roleOf(name) !== 'submission',
    authMethods: ['PLAIN', 'LOGIN'],
    authOptional: true, // session.ts asks for the login, with its own reply
    allowInsecureAuth: true, // and decides where it may be given without TLS
    disableReverseLookup: true, // a look-up in the way of every connection belongs to issue 4's checks
    maxClients: smtpLimits.connectionsMax,
    maxRecipients: smtpLimits.recipientsMax,
    maxCommandLength: smtpLimits.commandLineBytesMax,
    socketTimeout: smtpLimits.idleMsMax,
    closeTimeout: smtpLimits.stopMsMax,
    logger: false,
  }
}

// The library answers them; no mail client or server has a use for them here.
const unusedCommands = ['HELP', 'KILL', 'SHELL', 'WIZ', 'XCLIENT', 'XFORWARD']

const conversations = new WeakMap<SMTPServerSession, Conversation>()

function conversationOf(session: SMTPServerSession, name: SmtpListenerName): Conversation {
  const known = conversations.get(session)
  if (known) return known
  const fresh: Conversation = {
    role: roleOf(name),
    failedLogins: 0,
    refusedRecipients: 0,
    login: null,
    isLoginOver: false,
    forgetLogin: () => undefined,
    extras: { ret: null, envid: null, requireTls: false, notBefore: null },
    recipients: new Map(),
  }
  conversations.set(session, fresh)
  return fresh
}

type Handlers = Pick<
  SMTPServerOptions,
  'onConnect' | 'onSecure' | 'onClose' | 'onAuth' | 'onMailFrom' | 'onRcptTo' | 'onData'
>

function sessionHandlers(platform: Platform, { name }: SmtpListenerOptions): Handlers {
  const gauge = platform.metrics.connections.labels({ protocol: name })
  const admission = startAdmission(platform, name)
  const offerLogin = (session: SMTPServerSession): void => {
    const auth = roleOf(name) === 'submission' && mayLogIn(session) ? [] : ['AUTH'] // RFC 4954 §4
    session.disabledCommands = [...unusedCommands, ...auth]
  }
  return {
    onConnect(session, callback) {
      const refused = admission.admit(session)
      if (refused !== null) return callback(refused)
      gauge.inc()
      offerLogin(session)
      callback()
    },
    onSecure(_socket, session, callback) {
      endLogin(conversationOf(session, name)) // RFC 3207 §4.2
      offerLogin(session)
      callback()
    },
    onClose(session) {
      endLogin(conversationOf(session, name))
      if (admission.leave(session)) gauge.dec()
    },
    onAuth(auth, session, callback) {
      const decision = authenticate(platform, conversationOf(session, name), session, auth)
      settle(platform, decision, (error, value) => callback(error, value))
    },
  }
}

function messageHandlers(platform: Platform, options: SmtpListenerOptions): Handlers {
  const { name, lane, recipients } = options
  return {
    onMailFrom(sender, session, callback) {
      settle(platform, checkSender(platform, conversationOf(session, name), sender), callback)
    },
    onRcptTo(recipient, session, callback) {
      const conversation = conversationOf(session, name)
      settle(platform, checkRecipient(platform, recipients, conversation, session, recipient), callback)
    },
    onData(stream, session, callback) {
      const conversation = conversationOf(session, name)
      const reception = {
        session,
        role: conversation.role,
        mailFrom: reversePathOf(session),
        ...conversation.extras,
        login: conversation.login,
        ...recipientsOf(conversation, session),
      }
      receiveMessage(platform, lane, stream, reception).then(
        (results) => {
          const answers = 'all' in results ? [results.all] : [...results.byMailbox.values()]
          count(platform, name, answers.some(({ ok }) => ok) ? 'accepted' : 'refused')
          if ('byMailbox' in results)
            return callback(null, answersTo(conversation, session, results.byMailbox))
          if (results.all.ok) callback(null, results.all.text)
          else callback(results.all.fault)
        },
        (error: unknown) => {
          if (hasClientLeft(error)) {
            count(platform, name, 'refused')
            platform.log.info({ event: 'smtp.client_left', cause: error })
            return callback(replies.cannotStore()) // nobody hears it; it ends the library's transaction
          }
          count(platform, name, 'failed')
          platform.log.error({ event: 'smtp.data_failed', cause: error })
          stream.resume() // the rest must be read before the reply can be understood
          callback(replies.cannotStore())
        },
      )
    },
  }
}

/** Whether the connection ended in the middle of DATA, which is not a failure of ours. */
function hasClientLeft(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null
  return code === 'ECONNECTION' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}

function count(
  platform: Platform,
  listener: SmtpListenerName,
  result: 'accepted' | 'refused' | 'failed',
): void {
  platform.metrics.inboundMessages.inc({ listener, result })
}

/** Hands a decision to the library; a defect of ours becomes a reply that asks to come back later. */
function settle<T>(
  platform: Platform,
  decision: Promise<Decision<T>>,
  callback: (error: Error | null, value?: T) => void,
): void {
  decision.then(
    (result) => (result.ok ? callback(null, result.value) : callback(result.fault)),
    (error: unknown) => {
      platform.log.error({ event: 'smtp.command_failed', cause: error })
      callback(replies.cannotAnswer())
    },
  )
}

function listen(server: SMTPServer, { host, port }: SmtpListenerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.server.once('error', reject)
    server.listen(port, host, () => {
      server.server.off('error', reject)
      resolve((server.server.address() as AddressInfo).port) // a TCP server has no other kind
    })
  })
}
