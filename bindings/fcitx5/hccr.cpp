// A sketch of an fcitx5 engine: strokes come from a pad, candidates go to fcitx5's own window, and the chosen one to the application.
//
// A pad is any program that sends datagrams to the socket `hccr` in the user's runtime directory: "x y x y ..." when a stroke ends,
// "undo" or "clear". Fcitx5 calls an engine on one thread, so one session serves it.
#include <hccr.h>

#include <cstdlib>
#include <cstring>
#include <fcitx-utils/event.h>
#include <fcitx-utils/log.h>
#include <fcitx-utils/standardpath.h>
#include <fcitx-utils/unixfd.h>
#include <fcitx/addonfactory.h>
#include <fcitx/addonmanager.h>
#include <fcitx/candidatelist.h>
#include <fcitx/inputcontext.h>
#include <fcitx/inputmethodengine.h>
#include <fcitx/inputpanel.h>
#include <fcitx/instance.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr size_t TOP = 9;
constexpr size_t MAX_MESSAGE = 1 << 16;

const fcitx::KeyList DIGITS{fcitx::Key(FcitxKey_1), fcitx::Key(FcitxKey_2), fcitx::Key(FcitxKey_3),
                            fcitx::Key(FcitxKey_4), fcitx::Key(FcitxKey_5), fcitx::Key(FcitxKey_6),
                            fcitx::Key(FcitxKey_7), fcitx::Key(FcitxKey_8), fcitx::Key(FcitxKey_9)};

void check(hccr_status status) {
    if (status != HCCR_STATUS_OK) throw std::runtime_error(hccr_message());
}

// The strokes of the character that is being written.
class Session {
public:
    Session() {
        hccr_recognizer *recognizer;
        check(hccr_fused(&recognizer));
        hccr_status status = hccr_ink_session_new(recognizer, nullptr, &session_);
        hccr_free(recognizer); // the session lives on
        check(status);
    }
    ~Session() { hccr_ink_session_free(session_); }
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;

    void add(const std::vector<hccr_point> &stroke) {
        check(hccr_ink_session_add_stroke(session_, stroke.data(), stroke.size()));
    }
    void undo() { check(hccr_ink_session_undo_stroke(session_)); }
    void clear() { check(hccr_ink_session_clear(session_)); }

    // None before the first stroke.
    std::vector<std::string> candidates() {
        hccr_candidate best[TOP];
        size_t count;
        hccr_status status = hccr_ink_session_candidates(session_, best, TOP, &count);
        if (status != HCCR_STATUS_EMPTY) check(status);
        std::vector<std::string> texts;
        for (size_t i = 0; i < count; i++) texts.emplace_back(best[i].utf8);
        return texts;
    }

private:
    hccr_ink_session *session_ = nullptr;
};

class Engine;

class Word final : public fcitx::CandidateWord {
public:
    Word(Engine *engine, const std::string &text) : CandidateWord(fcitx::Text(text)), engine_(engine) {}
    void select(fcitx::InputContext *context) const override;

private:
    Engine *engine_;
};

class Engine final : public fcitx::InputMethodEngineV2 {
public:
    explicit Engine(fcitx::Instance *instance) : instance_(instance) {
        std::string path = fcitx::StandardPath::global().userDirectory(fcitx::StandardPath::Type::Runtime) + "/hccr";
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path) throw std::runtime_error(path + " is too long for a socket");
        std::memcpy(address.sun_path, path.c_str(), path.size());
        unlink(path.c_str());
        socket_.give(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (bind(socket_.fd(), reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
            throw std::runtime_error("no socket at " + path);
        event_ = instance->eventLoop().addIOEvent(
            socket_.fd(), fcitx::IOEventFlag::In, [this](fcitx::EventSourceIO *, int, fcitx::IOEventFlags) {
                receive();
                return true;
            });
    }

    void keyEvent(const fcitx::InputMethodEntry &, fcitx::KeyEvent &event) override {
        fcitx::InputContext *context = event.inputContext();
        auto list = context->inputPanel().candidateList();
        if (event.isRelease() || !list || list->empty()) return;
        int chosen = event.key().check(FcitxKey_space) ? 0 : event.key().keyListIndex(DIGITS);
        if (chosen >= 0 && chosen < list->size()) {
            list->candidate(chosen).select(context);
        } else if (event.key().check(FcitxKey_BackSpace)) {
            session_.undo();
            show(context);
        } else if (event.key().check(FcitxKey_Escape)) {
            clear(context);
        } else {
            return;
        }
        event.filterAndAccept();
    }

    void reset(const fcitx::InputMethodEntry &, fcitx::InputContextEvent &event) override { clear(event.inputContext()); }

    void clear(fcitx::InputContext *context) {
        session_.clear();
        show(context);
    }

private:
    // A message of the pad.
    void receive() {
        std::string message(MAX_MESSAGE, '\0');
        ssize_t length = recv(socket_.fd(), message.data(), message.size(), 0);
        fcitx::InputContext *context = instance_->lastFocusedInputContext();
        if (length <= 0 || !context || instance_->inputMethod(context) != "hccr") return;
        message.resize(static_cast<size_t>(length));
        try {
            if (message == "undo") {
                session_.undo();
            } else if (message == "clear") {
                session_.clear();
            } else {
                session_.add(points(message));
            }
            show(context);
        } catch (const std::runtime_error &error) {
            FCITX_ERROR() << "hccr: " << error.what();
        }
    }

    static std::vector<hccr_point> points(const std::string &message) {
        std::vector<hccr_point> points;
        const char *rest = message.c_str();
        for (;;) {
            char *end;
            float x = std::strtof(rest, &end);
            if (end == rest) return points;
            float y = std::strtof(rest = end, &end);
            if (end == rest) throw std::runtime_error("a stroke has an x without a y");
            rest = end;
            points.push_back({x, y});
        }
    }

    void show(fcitx::InputContext *context) {
        auto list = std::make_unique<fcitx::CommonCandidateList>();
        list->setPageSize(TOP);
        list->setSelectionKey(DIGITS);
        for (const std::string &text : session_.candidates()) list->append<Word>(this, text);
        fcitx::InputPanel &panel = context->inputPanel();
        if (list->empty()) {
            panel.reset();
        } else {
            panel.setCandidateList(std::move(list));
        }
        context->updateUserInterface(fcitx::UserInterfaceComponent::InputPanel);
    }

    fcitx::Instance *instance_;
    Session session_;
    fcitx::UnixFD socket_;
    std::unique_ptr<fcitx::EventSourceIO> event_;
};

void Word::select(fcitx::InputContext *context) const {
    std::string chosen = text().toString(); // clearing frees this word
    Engine *engine = engine_;
    context->commitString(chosen);
    engine->clear(context);
}

class Factory final : public fcitx::AddonFactory {
    fcitx::AddonInstance *create(fcitx::AddonManager *manager) override { return new Engine(manager->instance()); }
};

} // namespace

FCITX_ADDON_FACTORY(Factory)
