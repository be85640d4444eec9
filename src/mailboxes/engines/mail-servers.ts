/** Where mail clients of services elsewhere connect: the services' own servers. */
import type { MailServer } from '../../domains/mail-servers.ts'
import type { RemoteService } from './driver.ts'

export const serversElsewhere: Readonly<Record<RemoteService, Record<'imap' | 'smtp' | 'pop3', MailServer>>> =
  {
    google: {
      imap: { host: 'imap.gmail.com', port: 993, security: 'tls' },
      smtp: { host: 'smtp.gmail.com', port: 465, security: 'tls' },
      pop3: { host: 'pop.gmail.com', port: 995, security: 'tls' },
    },
    microsoft: {
      imap: { host: 'outlook.office365.com', port: 993, security: 'tls' },
      smtp: { host: 'smtp.office365.com', port: 587, security: 'starttls' },
      pop3: { host: 'outlook.office365.com', port: 995, security: 'tls' },
    },
  }
