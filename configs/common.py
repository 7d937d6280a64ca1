"""Every setting of the program with its default; the other configs change a few of them.

Defaults are the honest recipe for the fast network: STSTNet on 28×28 optical flow,
LOSO, a fixed number of epochs (nothing is chosen by looking at test clips).
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    """All fields, documented where they stand."""
    config = ml_collections.ConfigDict()
    config.name = "common"
    config.seed = 0  # run i of protocol.seeds uses seed + i
    config.classifier = "network"  # network | svm | logistic | network+logistic, the mean of both

    config.data = ml_collections.ConfigDict()
    config.data.source = "simulated"  # or a merge such as casme2+samm; docs/databases.md
    config.data.raw = ""  # folder of the raw database(s), the manifest's CSV file, or NAME=PATH,...
    config.data.allow_outside = False  # a manifest's paths may leave its folder: .., /, links
    config.data.data_dir = "data"  # where built databases are kept
    config.data.ethnicity = ""  # table of ethnicities; empty: the one beside the raw data
    config.data.detector = "retinaface"  # retinaface | none (frames are cropped already)
    config.data.flow_method = "tvl1"  # tvl1 | farneback | dis
    config.data.stabilise = "similarity"  # none | translation | similarity, out of the flow
    config.data.flow_size = 28  # px of the stored flow
    config.data.image_size = 112  # px of the stored onset and apex crops
    config.data.classes = "3"  # a scheme of docs/classes.md, or happiness=positive;others=
    config.data.flow_scaling = "minmax"  # minmax | median | rms | none, clip by clip
    config.data.standardise = "none"  # none | database, on the training subjects of each fold
    config.data.mirror = True  # mirrored copies in training, both averaged at test
    # Of data_builders.simulation.options.SimulatedOptions; its other options keep their defaults.
    config.data.simulated = ml_collections.ConfigDict()
    config.data.simulated.realism = "none"  # or public: resembles recorded flow, docs/realism.md
    config.data.simulated.drawn = "frames"  # or fields: motion alone, hundreds of times as fast
    config.data.simulated.seed = 0
    config.data.simulated.effect = 0.5  # of the group on display rules: 0 none, 1 strong
    config.data.simulated.appearance = 1.0  # of the group on looks: 0 none, 1 clear
    config.data.simulated.proportions = 0.0  # of the group on where brows, nose and mouth lie
    config.data.simulated.cohorts = "confounded"  # or balanced, or database:ethnicity:subjects,...
    config.data.simulated.laboratories = ""  # own settings: simsamm:sensor_noise=3,jpeg=80;...
    config.data.simulated.clips_per_subject = 7.0  # on average
    config.data.simulated.others = 0.0  # share of clips coded as others, for classes with others

    config.protocol = ml_collections.ConfigDict()
    config.protocol.name = "loso"  # see docs/protocols.md
    config.protocol.seeds = 1  # runs that differ in nothing but the seed
    config.protocol.average_seeds = False  # also the mean of the seeds' predictions, in averaged/
    config.protocol.final = False  # also a model of everybody for each seed, to use on other people
    config.protocol.peek = "none"  # best_test_epoch: docs/habit.md; no such score is reportable
    config.protocol.databases = ()  # () for all of them
    config.protocol.grouping = "strict"  # reference | strict | white_black_vs_asian | custom
    config.protocol.grouping_custom = ""  # such as asian=Asian+Indian;non_asian=White+Black
    config.protocol.folds = 5  # for `kfold`
    config.protocol.split_column = ""  # for `split`: column with train and test, or folds' names
    config.protocol.hold_out = ""  # for `hold_out`: subjects, samm/006,samm/007, or a file of them
    config.protocol.inner_folds = 4  # for `nested`: folds over the subjects not held out
    config.protocol.outer_parts = 0  # for `nested`: parts of subjects held out; 0: one by one
    # The following matter to `draws` and `study` only.
    config.protocol.arms = ("mono_asian", "mono_non_asian", "stereo")
    config.protocol.draw = "matched"  # matched | seeded | reference
    config.protocol.draws = 1  # independent draws of subjects
    config.protocol.draw_seed = 0
    config.protocol.subjects = 16  # in each arm; 0 for as many as both groups have
    config.protocol.pool = ""  # joint annotation table that the reference draw is made from
    # The following matter to `study` only.
    config.protocol.contrasts = ()  # families of base/contrast_roles.py; () for all of them
    config.protocol.control_draws = 20  # of database, flipped and grouping, at most
    config.protocol.flip_rate = 0.1  # share of subjects on the wrong side, for flipped

    config.model = ml_collections.ConfigDict()
    config.model.fusion = "none"  # none | bias | mtl | concat | mean | embed | adversarial
    config.model.emotion_backbone = "ststnet"
    config.model.ethnic_backbone = "ststnet"
    config.model.emotion_input = "flow"  # flow | apex
    config.model.ethnic_input = "flow"
    config.model.image_size = 0  # px that the emotion branch sees; 0: the backbone's own
    config.model.ethnic_image_size = 0
    config.model.emotion_options = ""  # of the backbone, such as padding=2,dropout=0.5
    config.model.ethnic_options = ""
    config.model.ethnic_target = "ethnicity"  # ethnicity (5 classes) | group
    config.model.ethnic_labels = "annotated"  # annotated | shuffled | constant | swapped
    config.model.dropout = 0.5  # on each branch's features
    config.model.embed_source = "posterior"  # posterior | label
    config.model.embed_size = 16
    config.model.embed_stop_gradient = False
    config.model.adversarial_target = ""  # database | ethnicity | group; "": model.ethnic_target
    config.model.adversarial_strength = 1.0  # of the reversed gradient
    config.model.adversarial_hidden = 256  # width of the adversary's hidden layer
    config.model.adversarial_width = 16  # of the features that it is taken out of
    config.model.adversarial_pace = 10.0  # the adversary's learning rate in those of the rest
    config.model.compute_dtype = "float32"  # float32 | bfloat16; parameters stay float32

    config.shallow = ml_collections.ConfigDict()  # for the classifiers svm and logistic
    config.shallow.features = "backbone"  # backbone (frozen emotion branch) | pixels | grid
    config.shallow.grid = 7  # cells a side that flow is averaged over, for grid
    config.shallow.c = 0.0  # inverse regularisation; 0: 100 for svm, .01 for logistic

    config.init = ml_collections.ConfigDict()  # weights to start from, docs/transfer.md
    # Of the emotion branch: .safetensors, .pth, .pt, .bin, or a work directory[:RUN/FOLD].
    config.init.path = ""
    config.init.freeze = False  # train only what comes after the emotion backbone
    config.init.ethnic_path = ""
    config.init.ethnic_freeze = False

    config.loss = ml_collections.ConfigDict()
    config.loss.emotion_weight = 1.0  # of the emotion branch's own cross-entropy
    config.loss.ethnic_weight = 1.0  # of the ethnic branch's cross-entropy
    config.loss.class_balanced = True  # every emotion counts the same in a fold
    config.loss.ethnic_balanced = False
    config.loss.label_smoothing = 0.0
    # Logits take so many times the log share of each class in training, and predictions do not.
    config.loss.prior_adjustment = 0.0  # 1 without class_balanced: predictions as if equally many
    config.loss.balanced_over = "none"  # none | group | database | group_database, alike in a fold
    config.loss.robust = "none"  # the same: the one with the worst loss counts most (group DRO)
    config.loss.robust_step = 0.01  # how fast the weights of groups or databases follow losses

    config.optim = ml_collections.ConfigDict()
    config.optim.learning_rate = 1e-3
    config.optim.schedule = "exponential"  # exponential | cosine | constant
    config.optim.decay = 0.98  # factor an epoch, for exponential
    config.optim.warmup_epochs = 0
    config.optim.weight_decay = 0.0  # decoupled
    config.optim.averaging = 0.0  # decay per step of the weights' moving average; 0: last weights
    config.optim.epochs = 20
    config.optim.batch_size = 32
    # A fold whose loss is above so many times that of guessing has diverged: it is not kept.
    config.optim.divergence = 1000.0

    config.augment = ml_collections.ConfigDict()  # of flow, in training alone; 0 for none
    config.augment.rotation = 0.0  # degrees either way; vectors turn with the face
    config.augment.translation = 0.0  # either way, in shares of the image's side
    config.augment.zoom = 0.0  # the face up to so much larger, or smaller; .1: up to 1.1 times
    config.augment.amplitude = 0.0  # all motion up to so much larger, or smaller
    config.augment.noise = 0.0  # standard deviation, in units of what the network sees
    config.augment.region = 0.0  # a square without motion, of up to so much of the image's side

    config.engine = ml_collections.ConfigDict()  # changes speed and memory, not the results
    config.engine.devices = 0  # 0 for all local devices
    config.engine.fold_batch = 0  # folds vmapped on a device; 0: 1 on a CPU, else by its memory
    config.engine.folds_in_flight = 0  # bounds the memory; 0 chooses by the device's

    config.study = ml_collections.ConfigDict()  # for the protocol study, beside its draws
    config.study.jobs = ()  # those of jobs/study/plan.py that are run; () for all of them
    config.study.pooled_seeds = 5  # of LOSO over everybody
    config.study.label_seeds = 2  # of each model that is told the ethnicity
    # The exact test: groups permuted within databases, docs/statistics.md.
    config.study.relabellings = 0  # beside the groups as they are; 0 for no such test
    config.study.exact_draws = 2  # of subjects and clips, for each relabelling
    config.study.exact_deals = 1  # of a draw's subjects into folds
    config.study.exact_folds = 4  # on each side: twice as many models for each draw and deal
    config.study.exact_stop = 0  # values as extreme in both tails that end the test; 0: none do
    config.study.exact_statistic = "probability"  # probability | uf1 | uar | accuracy

    config.checkpoint = ml_collections.ConfigDict()
    config.checkpoint.keep = "final"  # every (epoch, resumes within a fold) | final | none
    # What a setting may be stands in ethnicmer_jax/base/settings.py, which says so in one line
    # where ml_collections would raise a TypeError of its own.
    return ml_collections.ConfigDict(config.to_dict(), type_safe=False)
